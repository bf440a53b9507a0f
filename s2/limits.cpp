// What the protocol allows (§2.9, §5), said in words where it is violated.

#include "net/utf8.hpp"
#include "s2/types.hpp"

#include <algorithm>

namespace s2 {
namespace {

std::optional<std::string> invalid_record(const append_record& record) {
    const auto bytes = metered_bytes(record.headers, record.body);
    if (bytes > record_metered_bytes_max)
        return "a record holds at most 1048576 metered bytes, this one " + std::to_string(bytes);
    if (command_of(record.headers, record.body) == command_kind::malformed)
        return "an empty header name is for commands: alone, with the value fence (a body of at most 36 "
               "bytes of UTF-8) "
               "or trim (a body of 8 bytes)";
    return std::nullopt;
}

bool basin_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

} // namespace

std::optional<std::string> invalid_fencing_token(std::string_view token) {
    if (token.size() > fencing_token_bytes_max)
        return "a fencing token holds at most 36 bytes, this one " + std::to_string(token.size());
    if (!net::valid_utf8(token))
        return "a fencing token must be UTF-8";
    return std::nullopt;
}

std::optional<std::string> invalid_reason(const append_input& input) {
    if (input.records.empty() || input.records.size() > batch_records_max)
        return input.records.empty() ? "a batch holds 1 to 1000 records, this one none"
                                     : "a batch holds 1 to 1000 records, this one more";
    std::uint64_t total = 0;
    for (const auto& record : input.records) {
        if (auto reason = invalid_record(record))
            return reason;
        total += metered_bytes(record.headers, record.body);
    }
    if (total > batch_metered_bytes_max)
        return "a batch holds at most 1048576 metered bytes, this one " + std::to_string(total);
    if (input.fencing_token)
        return invalid_fencing_token(*input.fencing_token);
    return std::nullopt;
}

std::optional<std::string> invalid_basin_name(std::string_view name) {
    if (name.size() < basin_name_bytes_min || name.size() > basin_name_bytes_max)
        return "a basin name has 8 to 48 bytes, this one " + std::to_string(name.size());
    if (!std::all_of(name.begin(), name.end(), basin_name_char))
        return "a basin name consists of lower-case letters, digits and hyphens";
    if (name.front() == '-' || name.back() == '-')
        return "a basin name neither begins nor ends with a hyphen";
    return std::nullopt;
}

std::optional<std::string> invalid_stream_name(std::string_view name) {
    if (name.empty() || name.size() > stream_name_bytes_max)
        return "a stream name has 1 to 512 bytes, this one " + std::to_string(name.size());
    if (name == "." || name == "..")
        return "a stream name is neither . nor ..";
    if (name.find('\0') != std::string_view::npos)
        return "a stream name holds no NUL";
    if (!net::valid_utf8(name))
        return "a stream name must be UTF-8";
    return std::nullopt;
}

} // namespace s2
