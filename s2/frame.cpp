#include "s2/frame.hpp"

#include "net/assert.hpp"

namespace s2 {
namespace {

constexpr std::uint8_t terminal_bit = 0x80;
constexpr std::uint8_t compression_bits = 0x60;
constexpr unsigned compression_shift = 5;
constexpr std::uint8_t reconnect_bit = 0x10;
constexpr unsigned compression_invalid = 3;
// Consumed bytes at the front of the decoder's buffer are moved away only when they are worth a move.
constexpr std::size_t compact_from_bytes = 64 * 1024;

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint8_t>(bytes[at]);
}

void put_header(std::string& out, std::size_t at, std::size_t length, std::uint8_t flags) {
    out[at] = static_cast<char>(length >> 16 & 0xFF);
    out[at + 1] = static_cast<char>(length >> 8 & 0xFF);
    out[at + 2] = static_cast<char>(length & 0xFF);
    out[at + 3] = static_cast<char>(flags);
}

} // namespace

std::size_t begin_frame(std::string& out) {
    const std::size_t begin = out.size();
    out.append(frame_header_bytes, '\0');
    return begin;
}

void end_frame(std::string& out, std::size_t begin, compression with, bool reconnect_advised) {
    const std::size_t payload_at = begin + frame_header_bytes;
    NET_ASSERT(out.size() >= payload_at, "a frame ends behind its beginning");
    NET_ASSERT(out.size() - payload_at <= payload_bytes_max, "a frame's payload holds at most 2097151 bytes");
    std::uint8_t flags = reconnect_advised ? reconnect_bit : 0;
    if (with != compression::none && out.size() - payload_at >= compress_from_bytes) {
        const std::string packed = compress(std::string_view(out).substr(payload_at), with);
        // What does not shrink goes as it is: receivers take both, and the frame's limit holds.
        if (packed.size() < out.size() - payload_at) {
            out.replace(payload_at, std::string::npos, packed);
            flags |= static_cast<std::uint8_t>(static_cast<unsigned>(with) << compression_shift);
        }
    }
    put_header(out, begin, out.size() - payload_at + 1, flags);
}

void put_frame_header(std::string& out, std::size_t begin, std::size_t payload_bytes) {
    NET_ASSERT(payload_bytes <= payload_bytes_max, "a frame's payload holds at most 2097151 bytes");
    put_header(out, begin, payload_bytes + 1, 0);
}

void encode_frame(std::string_view payload, compression with, std::string& out, bool reconnect_advised) {
    const std::size_t begin = begin_frame(out);
    out.append(payload);
    end_frame(out, begin, with, reconnect_advised);
}

void encode_terminal_frame(unsigned status, std::string_view json, std::string& out) {
    NET_ASSERT(json.size() + 2 <= payload_bytes_max, "a frame's payload holds at most 2097151 bytes");
    const std::size_t begin = begin_frame(out);
    out.push_back(static_cast<char>(status >> 8 & 0xFF));
    out.push_back(static_cast<char>(status & 0xFF));
    out.append(json);
    put_header(out, begin, json.size() + 3, terminal_bit);
}

std::optional<terminal_payload> decode_terminal(std::string_view payload) {
    if (payload.size() < 2)
        return std::nullopt;
    const unsigned status = static_cast<unsigned>(byte_at(payload, 0)) << 8 | byte_at(payload, 1);
    return terminal_payload{status, payload.substr(2)};
}

void frame_decoder::feed(std::string_view bytes) {
    if (!reason_.empty())
        return;
    if (begin_ == buffer_.size()) {
        buffer_.clear();
        begin_ = 0;
    } else if (begin_ >= compact_from_bytes) {
        buffer_.erase(0, begin_);
        begin_ = 0;
    }
    buffer_.append(bytes);
}

frame_decoder::outcome frame_decoder::fail(std::string reason) {
    reason_ = std::move(reason);
    return outcome::bad;
}

frame_decoder::outcome frame_decoder::next(frame& into) {
    if (!reason_.empty())
        return outcome::bad;
    const auto held = std::string_view(buffer_).substr(begin_);
    if (held.size() < 3)
        return outcome::need_more;
    const std::size_t length = static_cast<std::size_t>(byte_at(held, 0)) << 16 |
                               static_cast<std::size_t>(byte_at(held, 1)) << 8 | byte_at(held, 2);
    if (length == 0)
        return fail("a frame of length 0");
    if (length > frame_bytes_max)
        return fail("a frame of " + std::to_string(length) + " bytes; at most 2097152 are allowed");
    if (held.size() < length + 3)
        return outcome::need_more;

    const std::uint8_t flags = byte_at(held, 3);
    const auto payload = held.substr(frame_header_bytes, length - 1);
    into.terminal = (flags & terminal_bit) != 0;
    into.reconnect_advised = (flags & reconnect_bit) != 0;
    const unsigned packing = (flags & compression_bits) >> compression_shift;
    if (into.terminal || packing == 0) {
        into.payload.assign(payload);
    } else if (packing == compression_invalid) {
        return fail("a frame of unknown compression");
    } else {
        auto plain = decompress(payload, static_cast<compression>(packing), payload_bytes_max);
        if (!plain)
            return fail("a frame whose compressed payload is corrupt or inflates to more than 2097151 bytes");
        into.payload = std::move(*plain);
    }
    begin_ += length + 3;
    return outcome::frame;
}

} // namespace s2
