#pragma once
// The nouns of the S2 API with the protocol's limits (s2 protocol reference §2.2, §2.9, §3, §5). Everything
// is checked here before it is sent, and by the embedded store when it is received.

#include "net/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace s2 {

constexpr std::uint64_t record_metered_bytes_max = 1024 * 1024;
constexpr std::uint64_t batch_metered_bytes_max = 1024 * 1024;
constexpr std::size_t batch_records_max = 1000;
constexpr std::size_t frame_bytes_max = 2 * 1024 * 1024; // flag byte and payload
constexpr std::size_t fencing_token_bytes_max = 36;
constexpr std::size_t basin_name_bytes_min = 8;
constexpr std::size_t basin_name_bytes_max = 48;
constexpr std::size_t stream_name_bytes_max = 512;
constexpr std::size_t list_page_max = 1000;

struct stream_position {
    std::uint64_t seq_num = 0;
    std::uint64_t timestamp = 0; // ms since 1970

    bool operator==(const stream_position&) const = default;
};

struct header {
    std::string name; // bytes; empty only in a command
    std::string value;

    bool operator==(const header&) const = default;
};

// A record to append that owns its bytes. The hot path encodes from views instead (protobuf.hpp).
struct append_record {
    std::optional<std::uint64_t> timestamp;
    std::vector<header> headers;
    std::string body;

    bool operator==(const append_record&) const = default;
};

// What an append session sends in one frame, and a unary append in one body.
struct append_input {
    std::vector<append_record> records;
    std::optional<std::uint64_t> match_seq_num;
    std::optional<std::string> fencing_token; // an empty one is a condition too: "must be unfenced"

    bool operator==(const append_input&) const = default;
};

struct append_ack {
    stream_position start; // of the first record
    stream_position end;   // one behind the last
    stream_position tail;  // of the stream, at or behind end

    bool operator==(const append_ack&) const = default;
};

struct sequenced_record {
    std::uint64_t seq_num = 0;
    std::uint64_t timestamp = 0;
    std::vector<header> headers;
    std::string body;

    bool operator==(const sequenced_record&) const = default;
};

struct read_batch {
    std::vector<sequenced_record> records;
    std::optional<stream_position> tail; // only while following, and in heartbeats (§2.6, §2.7)
};

// Commands (§2.9): exactly one header, its name empty.
append_record fence_command(std::string_view token);
append_record trim_command(std::uint64_t lowest_seq_num_to_keep);

enum class command_kind { none, fence, trim, malformed };
command_kind command_of(std::span<const header> headers, std::string_view body);
bool is_command(const sequenced_record& record); // an empty name in its only header, whatever the value
std::optional<std::string> fence_of(const sequenced_record& record); // its token
std::optional<std::uint64_t> trim_of(std::span<const header> headers, std::string_view body);

// 8 + 2 × headers + names + values + body.
constexpr std::uint64_t metered_bytes(std::size_t headers, std::uint64_t header_bytes,
                                      std::uint64_t body_bytes) {
    return 8 + 2 * headers + header_bytes + body_bytes;
}

std::uint64_t metered_bytes(std::span<const header> headers, std::string_view body);

// Nothing when valid, else the violated limit in words ("a batch holds 1 to 1000 records, this one more").
std::optional<std::string> invalid_reason(const append_input& input);
std::optional<std::string> invalid_basin_name(std::string_view name);
std::optional<std::string> invalid_stream_name(std::string_view name);
std::optional<std::string> invalid_fencing_token(std::string_view token);

// Where a read begins (§2.6); at most one.
struct read_start {
    enum class kind { seq_num, timestamp, tail_offset };
    kind from = kind::tail_offset;
    std::uint64_t value = 0;
    bool clamp = false; // a start beyond the tail becomes the tail

    bool operator==(const read_start&) const = default;
};

struct read_limits {
    std::optional<std::uint64_t> count;
    std::optional<std::uint64_t> bytes; // metered
    std::optional<std::uint64_t> until; // exclusive timestamp
    std::optional<std::uint32_t> wait_seconds;

    bool operator==(const read_limits&) const = default;
};

struct basin_info {
    std::string name;
    std::string created_at; // RFC 3339
    std::optional<std::string> deleted_at;
};

struct stream_info {
    std::string name;
    std::string created_at;
    std::optional<std::string> deleted_at;
};

template <class T>
struct page {
    std::vector<T> items;
    bool has_more = false;
};

enum class provision_result { created, updated, noop };

} // namespace s2
