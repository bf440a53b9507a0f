#include "s2/append_frame.hpp"

#include "net/assert.hpp"
#include "s2/frame.hpp"

namespace s2 {

std::span<const net::asio::const_buffer>
append_frame::lay_out(std::span<const record_view> records, std::optional<std::uint64_t> match_seq_num,
                      std::optional<std::string_view> fencing_token) {
    const std::size_t room = frame_header_bytes + records.size() * record_head_bytes_max +
                             conditions_bytes(match_seq_num, fencing_token);
    between_.clear();
    between_.reserve(room); // nothing moves while pieces refer to it
    pieces_.clear();
    pieces_.reserve(2 * records.size() + 1);
    std::size_t bodies = 0;
    std::size_t begin = 0; // of what no piece refers to yet
    const auto add_between = [&] {
        pieces_.emplace_back(between_.data() + begin, between_.size() - begin);
        begin = between_.size();
    };
    begin_frame(between_);
    for (const auto& record : records) {
        encode_record_head(record, between_);
        add_between();
        pieces_.emplace_back(record.body.data(), record.body.size());
        bodies += record.body.size();
    }
    encode_conditions(match_seq_num, fencing_token, between_);
    add_between();
    NET_ASSERT(between_.size() <= room, "what stands between the bodies has the room that it needs");
    put_frame_header(between_, 0, between_.size() + bodies - frame_header_bytes);
    return pieces_;
}

} // namespace s2
