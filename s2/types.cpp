#include "s2/types.hpp"

namespace s2 {

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

bool is_command(const sequenced_record& record) {
    return record.headers.size() == 1 && record.headers.front().name.empty();
}

} // namespace s2
