#include "agent/api/unpacker.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <new>

namespace agent {
namespace {

constexpr std::uint64_t gzip_memory_bytes = 48 * 1024; // zlib.h: 32 KiB of window and 7 KiB
constexpr int gzip_window = 15 + 16;                   // zlib's way to ask for the gzip format
constexpr int zstd_window_log_least = 10;
constexpr int zstd_window_log_max = 23;
constexpr std::uint64_t zstd_window_max = 1u << zstd_window_log_max;
constexpr std::uint64_t zstd_block_bytes = 128 * 1024;
constexpr std::uint64_t zstd_tables_bytes = 192 * 1024; // and what else a decoder has beside its window
constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd";
constexpr std::size_t zstd_head_bytes = 18; // the longest

class gzip_unpacker final : public unpacker {
public:
    gzip_unpacker() {
        if (inflateInit2(&state_, gzip_window) != Z_OK)
            throw std::bad_alloc();
    }

    ~gzip_unpacker() override { inflateEnd(&state_); }

    gzip_unpacker(const gzip_unpacker&) = delete;
    gzip_unpacker& operator=(const gzip_unpacker&) = delete;

    step unpack(std::string_view packed, std::span<char> into) override {
        if (ended_ && !packed.empty()) {
            inflateReset(&state_);
            ended_ = false;
        }
        state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
        state_.avail_in = static_cast<uInt>(packed.size());
        state_.next_out = reinterpret_cast<Bytef*>(into.data());
        state_.avail_out = static_cast<uInt>(into.size());
        const int outcome = ended_ ? Z_OK : inflate(&state_, Z_NO_FLUSH);
        ended_ = ended_ || outcome == Z_STREAM_END;
        const bool broken = outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR;
        return {packed.size() - state_.avail_in, into.size() - state_.avail_out, broken};
    }

    bool complete() const override { return ended_; }

private:
    z_stream state_{};
    bool ended_ = false;
};

class zstd_unpacker final : public unpacker {
public:
    explicit zstd_unpacker(std::uint64_t window_bytes)
        : context_(ZSTD_createDCtx()) {
        if (!context_)
            throw std::bad_alloc();
        const int log = std::bit_width(std::max<std::uint64_t>(window_bytes, 1) - 1);
        ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax,
                               std::clamp(log, zstd_window_log_least, zstd_window_log_max));
    }

    step unpack(std::string_view packed, std::span<char> into) override {
        if (complete_ && packed.empty())
            return {}; // it would expect another frame
        ZSTD_inBuffer in{packed.data(), packed.size(), 0};
        ZSTD_outBuffer out{into.data(), into.size(), 0};
        const std::size_t left = ZSTD_decompressStream(context_.get(), &out, &in);
        const bool broken = ZSTD_isError(left) != 0;
        complete_ = left == 0;
        return {in.pos, out.pos, broken};
    }

    bool complete() const override { return complete_; }

private:
    struct freed {
        void operator()(ZSTD_DCtx* held) const noexcept { ZSTD_freeDCtx(held); }
    };

    std::unique_ptr<ZSTD_DCtx, freed> context_;
    bool complete_ = false;
};

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i > 0; --i)
        value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
    return value;
}

// RFC 8878, 3.1.1.1. What does not begin with a frame of data may have any window behind it.
std::uint64_t zstd_window(std::string_view begin) {
    if (!begin.starts_with(zstd_magic) || begin.size() < zstd_magic.size() + 2)
        return zstd_window_max;
    const auto descriptor = static_cast<unsigned char>(begin[zstd_magic.size()]);
    const auto rest = begin.substr(zstd_magic.size() + 1);
    const bool single_segment = (descriptor & 0x20) != 0;
    if (!single_segment) {
        const auto window = static_cast<unsigned char>(rest.front());
        const auto base = std::uint64_t(1) << (zstd_window_log_least + (window >> 3));
        return std::min(zstd_window_max, base + base / 8 * (window & 7));
    }
    constexpr std::size_t id_bytes[] = {0, 1, 2, 4};
    constexpr std::size_t size_bytes[] = {1, 2, 4, 8};
    const auto at = id_bytes[descriptor & 3];
    const auto bytes = size_bytes[descriptor >> 6];
    if (rest.size() < at + bytes)
        return zstd_window_max;
    const auto size = little_endian(rest.substr(at, bytes)) + (bytes == 2 ? 256 : 0);
    return std::min(zstd_window_max, size);
}

std::uint64_t zstd_memory(std::string_view begin) {
    return zstd_tables_bytes + 2 * zstd_block_bytes + zstd_window(begin);
}

constexpr unpacker::kind gzip{
    [](std::string_view) { return gzip_memory_bytes; }, 0,
    [](std::string_view) -> std::unique_ptr<unpacker> { return std::make_unique<gzip_unpacker>(); }};
constexpr unpacker::kind zstd{zstd_memory, zstd_head_bytes,
                              [](std::string_view begin) -> std::unique_ptr<unpacker> {
                                  return std::make_unique<zstd_unpacker>(zstd_window(begin));
                              }};

} // namespace

const unpacker::kind* unpacker::find(std::string_view encoding) {
    if (encoding == "gzip" || encoding == "x-gzip")
        return &gzip;
    return encoding == "zstd" ? &zstd : nullptr;
}

} // namespace agent
