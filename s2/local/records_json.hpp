#pragma once
// Records as JSON (§2.5, §2.6), in both formats: raw text (lossy on output where it is no UTF-8) and base64.

#include "s2/local/negotiation.hpp"

namespace s2::local {

// 400 bad_json for what is not of that shape, 422 for what is not allowed in it.
outcome<append_input> append_input_from_json(std::string_view body, record_format format);

// A ReadBatch in protobuf, without tail, as read_session gives it.
void read_batch_to_json(std::string_view records, const std::optional<stream_position>& tail,
                        record_format format, std::string& out);

std::string ack_to_json(const append_ack& ack);

std::string base64_encoded(std::string_view bytes);
std::optional<std::string> base64_decoded(std::string_view text); // standard alphabet, padded, strict
std::string lossy_utf8(std::string_view bytes);                   // U+FFFD for each part that is no UTF-8

} // namespace s2::local
