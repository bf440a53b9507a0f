#pragma once
// The messages of package s2.v1 (§3) on protozero. Presence traps: match_seq_num 0 and an empty fencing token
// are written; zero values of implicit fields are not.

#include "s2/types.hpp"

namespace s2 {

// A record to encode from bytes that live elsewhere (the ring). No headers.
struct record_view {
    std::uint64_t timestamp;
    std::string_view body;
};

void encode_append_input(const append_input& input, std::string& out); // appends
// The hot path, where one message is written piece by piece: each record, or what stands before its body;
// what follows the records.
constexpr std::size_t record_head_bytes_max = 33;
void encode_record(const record_view& record, std::string& out);
void encode_record_head(const record_view& record, std::string& out);
std::size_t conditions_bytes(std::optional<std::uint64_t> match_seq_num,
                             std::optional<std::string_view> fencing_token);
void encode_conditions(std::optional<std::uint64_t> match_seq_num,
                       std::optional<std::string_view> fencing_token, std::string& out);
void encode_append_ack(const append_ack& ack, std::string& out);
void encode_read_batch(const read_batch& batch, std::string& out);

// Nothing where the bytes are not such a message (unknown fields are skipped).
std::optional<append_input> decode_append_input(std::string_view bytes);
std::optional<append_ack> decode_append_ack(std::string_view bytes);
std::optional<read_batch> decode_read_batch(std::string_view bytes);

} // namespace s2
