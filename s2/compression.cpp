// zstd and gzip, whole payloads at a time, with the inflated size bounded while inflating.

#include "net/assert.hpp"
#include "s2/frame.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace s2 {
namespace {

constexpr int zstd_level = 3;
constexpr int gzip_level = 6;
constexpr int gzip_window = 15 + 16; // zlib's way to ask for the gzip format
constexpr int zlib_memory_level = 8;
constexpr int zstd_window_log_max = 23; // RFC 8878 §3.1.1.1.2 recommends 8 MiB as what a decoder supports
constexpr std::size_t inflate_step_bytes = 64 * 1024; // output grows by this much at a time

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* held) const noexcept {
        Free(held);
    }
};

std::string zstd_compress(std::string_view plain) {
    // Building a context costs far more than packing a small payload.
    thread_local std::unique_ptr<ZSTD_CCtx, freed_by<ZSTD_freeCCtx>> context(ZSTD_createCCtx());
    std::string packed(ZSTD_compressBound(plain.size()), '\0');
    const std::size_t size = ZSTD_compressCCtx(context.get(), packed.data(), packed.size(), plain.data(),
                                               plain.size(), zstd_level);
    NET_ASSERT(!ZSTD_isError(size), "zstd packs anything into its own bound");
    packed.resize(size);
    return packed;
}

std::string gzip_compress(std::string_view plain) {
    z_stream state{};
    const int started =
        deflateInit2(&state, gzip_level, Z_DEFLATED, gzip_window, zlib_memory_level, Z_DEFAULT_STRATEGY);
    NET_ASSERT(started == Z_OK, "zlib starts");
    const std::unique_ptr<z_stream, freed_by<deflateEnd>> guard(&state);
    std::string packed(deflateBound(&state, static_cast<uLong>(plain.size())), '\0');
    state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    state.avail_in = static_cast<uInt>(plain.size());
    state.next_out = reinterpret_cast<Bytef*>(packed.data());
    state.avail_out = static_cast<uInt>(packed.size());
    const int ended = deflate(&state, Z_FINISH);
    NET_ASSERT(ended == Z_STREAM_END, "zlib packs anything into its own bound");
    packed.resize(state.total_out);
    return packed;
}

// Grows `out` by one step where it is full; false: the limit is passed. One byte beyond the limit is room
// enough to see that there is more.
bool make_room(std::string& out, std::size_t used, std::size_t limit_bytes) {
    if (used > limit_bytes)
        return false;
    if (used == out.size())
        out.resize(std::min(limit_bytes + 1, used + inflate_step_bytes));
    return true;
}

std::optional<std::string> zstd_decompress(std::string_view bytes, std::size_t limit_bytes) {
    thread_local std::unique_ptr<ZSTD_DCtx, freed_by<ZSTD_freeDCtx>> context(ZSTD_createDCtx());
    ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
    ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, zstd_window_log_max);
    std::string plain;
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t used = 0;
    for (;;) {
        if (!make_room(plain, used, limit_bytes))
            return std::nullopt;
        ZSTD_outBuffer out{plain.data(), plain.size(), used};
        const std::size_t left = ZSTD_decompressStream(context.get(), &out, &in);
        if (ZSTD_isError(left))
            return std::nullopt;
        const bool stuck = out.pos == used && in.pos == in.size && left != 0;
        used = out.pos;
        if (left == 0 && in.pos == in.size)
            break;
        if (stuck)
            return std::nullopt; // ends in the middle
    }
    if (used > limit_bytes)
        return std::nullopt;
    plain.resize(used);
    return plain;
}

std::optional<std::string> gzip_decompress(std::string_view bytes, std::size_t limit_bytes) {
    z_stream state{};
    if (inflateInit2(&state, gzip_window) != Z_OK)
        return std::nullopt;
    const std::unique_ptr<z_stream, freed_by<inflateEnd>> guard(&state);
    state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    state.avail_in = static_cast<uInt>(bytes.size());
    std::string plain;
    std::size_t used = 0;
    for (;;) {
        if (!make_room(plain, used, limit_bytes))
            return std::nullopt;
        state.next_out = reinterpret_cast<Bytef*>(plain.data() + used);
        state.avail_out = static_cast<uInt>(plain.size() - used);
        const int outcome = inflate(&state, Z_NO_FLUSH);
        used = plain.size() - state.avail_out;
        if (outcome == Z_STREAM_END)
            break;
        if (outcome != Z_OK)
            return std::nullopt; // corrupt, or Z_BUF_ERROR: ends in the middle
    }
    if (used > limit_bytes || state.avail_in != 0)
        return std::nullopt;
    plain.resize(used);
    return plain;
}

} // namespace

std::string compress(std::string_view plain, compression with) {
    switch (with) {
    case compression::zstd:
        return zstd_compress(plain);
    case compression::gzip:
        return gzip_compress(plain);
    case compression::none:
        break;
    }
    return std::string(plain);
}

std::optional<std::string> decompress(std::string_view bytes, compression with, std::size_t limit_bytes) {
    switch (with) {
    case compression::zstd:
        return zstd_decompress(bytes, limit_bytes);
    case compression::gzip:
        return gzip_decompress(bytes, limit_bytes);
    case compression::none:
        break;
    }
    if (bytes.size() > limit_bytes)
        return std::nullopt;
    return std::string(bytes);
}

std::optional<compression> parse_compression(std::string_view name) {
    if (name == "none")
        return compression::none;
    if (name == "zstd")
        return compression::zstd;
    if (name == "gzip")
        return compression::gzip;
    return std::nullopt;
}

std::string_view name_of(compression with) {
    switch (with) {
    case compression::zstd:
        return "zstd";
    case compression::gzip:
        return "gzip";
    case compression::none:
        break;
    }
    return "none";
}

} // namespace s2
