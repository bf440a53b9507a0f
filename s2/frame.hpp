#pragma once
// S2S framing (§4.2): 3-byte big-endian length, flag byte, payload. Frames have nothing to do with HTTP/2
// DATA frames.

#include "s2/types.hpp"

namespace s2 {

enum class compression : std::uint8_t { none = 0, zstd = 1, gzip = 2 };

constexpr std::size_t frame_header_bytes = 4;
constexpr std::size_t compress_from_bytes = 1024;              // smaller payloads go as they are
constexpr std::size_t payload_bytes_max = frame_bytes_max - 1; // also after decompression

struct frame {
    bool terminal = false;
    bool reconnect_advised = false;
    std::string payload; // decompressed
};

// Appends one frame. The payload is at most payload_bytes_max.
void encode_frame(std::string_view payload, compression with, std::string& out,
                  bool reconnect_advised = false);
// A frame around a payload that the caller encodes straight into `out`: begin returns where the header
// stands, end fills it in (and compresses in place where asked and worth it).
std::size_t begin_frame(std::string& out);
void end_frame(std::string& out, std::size_t begin, compression with, bool reconnect_advised = false);
// Fills in the header of an uncompressed payload that does not follow it in `out`, or not all of it.
void put_frame_header(std::string& out, std::size_t begin, std::size_t payload_bytes);
// §4.2: u16 status and JSON text.
void encode_terminal_frame(unsigned status, std::string_view json, std::string& out);

struct terminal_payload {
    unsigned status;
    std::string_view json;
};

std::optional<terminal_payload> decode_terminal(std::string_view payload);

// Takes bytes as they come and gives whole frames. After an error it gives nothing more.
class frame_decoder {
public:
    enum class outcome { frame, need_more, bad };

    void feed(std::string_view bytes);
    outcome next(frame& into);

    const std::string& reason() const { return reason_; } // of bad

    bool empty() const {
        return begin_ == buffer_.size();
    } // no part of a frame is held (§4.3: else END_STREAM is an error)

private:
    outcome fail(std::string reason);

    std::string buffer_; // a partial frame and what was fed since: as large as a frame and one feed
    std::size_t begin_ = 0;
    std::string reason_;
};

// Whole-body compression for unary calls (content-encoding) too. Nothing: corrupt, or over limit_bytes.
std::string compress(std::string_view plain, compression with);
std::optional<std::string> decompress(std::string_view bytes, compression with, std::size_t limit_bytes);
std::optional<compression> parse_compression(std::string_view name); // "none", "zstd", "gzip"
std::string_view name_of(compression with);

} // namespace s2
