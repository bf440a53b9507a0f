#include "s2/types.hpp"

#include "net/utf8.hpp"

namespace s2 {
namespace {

constexpr std::size_t trim_body_bytes = 8;

// A command's word, or nothing where the headers are not those of a command.
std::optional<std::string_view> command_word(std::span<const header> headers) {
    if (headers.size() != 1 || !headers.front().name.empty())
        return std::nullopt;
    return headers.front().value;
}

} // namespace

append_record fence_command(std::string_view token) {
    append_record record;
    record.headers.push_back({"", "fence"});
    record.body = token;
    return record;
}

append_record trim_command(std::uint64_t lowest_seq_num_to_keep) {
    append_record record;
    record.headers.push_back({"", "trim"});
    for (int shift = 56; shift >= 0; shift -= 8)
        record.body.push_back(static_cast<char>(lowest_seq_num_to_keep >> shift & 0xFF));
    return record;
}

std::uint64_t metered_bytes(std::span<const header> headers, std::string_view body) {
    std::uint64_t bytes = 0;
    for (const auto& each : headers)
        bytes += each.name.size() + each.value.size();
    return metered_bytes(headers.size(), bytes, body.size());
}

command_kind command_of(std::span<const header> headers, std::string_view body) {
    bool any_empty_name = false;
    for (const auto& each : headers)
        any_empty_name = any_empty_name || each.name.empty();
    if (!any_empty_name)
        return command_kind::none;
    const auto word = command_word(headers);
    if (word == "fence" && !invalid_fencing_token(body))
        return command_kind::fence;
    if (word == "trim" && body.size() == trim_body_bytes)
        return command_kind::trim;
    return command_kind::malformed;
}

bool is_command(const sequenced_record& record) {
    return command_word(record.headers).has_value();
}

std::optional<std::string> fence_of(const sequenced_record& record) {
    if (command_of(record.headers, record.body) != command_kind::fence)
        return std::nullopt;
    return record.body;
}

std::optional<std::uint64_t> trim_of(std::span<const header> headers, std::string_view body) {
    if (command_of(headers, body) != command_kind::trim)
        return std::nullopt;
    std::uint64_t lowest = 0;
    for (const char each : body)
        lowest = lowest << 8 | static_cast<std::uint8_t>(each);
    return lowest;
}

} // namespace s2
