#include "s2/local/stream_state.hpp"

#include "net/assert.hpp"
#include "s2/protobuf.hpp"

#include <algorithm>

namespace s2::local {

stream_state::stream_state(const stream_row& row, stream_config config)
    : id_(row.id)
    , config_(std::move(config))
    , tail_(row.tail)
    , durable_tail_(row.tail)
    , fencing_token_(row.fencing_token)
    , durable_fencing_token_(row.fencing_token)
    , trim_point_(row.trim_point)
    , durable_trim_point_(row.trim_point) {}

std::optional<std::uint64_t> stream_state::timestamp_for(const append_record& record,
                                                         std::uint64_t now_ms) const {
    std::uint64_t chosen = now_ms;
    if (config_.mode == timestamping_mode::client_require && !record.timestamp)
        return std::nullopt;
    if (config_.mode != timestamping_mode::arrival && record.timestamp)
        chosen = *record.timestamp;
    return config_.uncapped ? chosen : std::min(chosen, now_ms);
}

std::variant<stream_state::accepted, stream_state::refused> stream_state::append(append_input&& input,
                                                                                 std::int64_t wall_ms) {
    // §6.3: the token first; if both differ, only the token is reported.
    if (input.fencing_token && *input.fencing_token != fencing_token_)
        return refused{fencing_token_mismatch(fencing_token_), fence_end_};
    if (input.match_seq_num && *input.match_seq_num != tail_.seq_num)
        return refused{seq_num_mismatch(tail_.seq_num), tail_.seq_num};
    if (input.records.size() > seq_num_max - tail_.seq_num)
        return refused{invalid("no sequence numbers are left in this stream"), tail_.seq_num};

    const auto now_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(wall_ms, 0));
    accepted batch;
    batch.row.stream = id_;
    batch.row.first_seq = tail_.seq_num;
    batch.row.records = static_cast<std::uint32_t>(input.records.size());
    batch.row.written_at_ms = wall_ms;
    batch.change.stream = id_;
    std::uint64_t fence_end = 0;
    std::uint64_t trim_point = trim_point_;

    read_batch sequenced;
    sequenced.records.reserve(input.records.size());
    stream_position at = tail_;
    for (auto& record : input.records) {
        const auto timestamp = timestamp_for(record, now_ms);
        if (!timestamp)
            return refused{invalid("record timestamp was required but was missing"), 0};
        at.timestamp = std::max(at.timestamp, *timestamp);
        batch.row.metered += metered_bytes(record.headers, record.body);
        switch (command_of(record.headers, record.body)) {
        case command_kind::fence:
            batch.change.fencing_token = record.body;
            fence_end = at.seq_num + 1;
            break;
        case command_kind::trim:
            // Only forward, and no further than behind itself.
            trim_point = std::max(trim_point,
                                  std::min(trim_of(record.headers, record.body).value_or(0), at.seq_num + 1));
            break;
        case command_kind::none:
        case command_kind::malformed: // refused by invalid_reason before it came here
            break;
        }
        sequenced.records.push_back(
            {at.seq_num, at.timestamp, std::move(record.headers), std::move(record.body)});
        ++at.seq_num;
    }
    batch.start = {tail_.seq_num, sequenced.records.front().timestamp};
    batch.end = at;
    batch.row.last_timestamp = at.timestamp;
    encode_read_batch(sequenced, batch.row.data);

    if (batch.change.fencing_token) {
        fencing_token_ = *batch.change.fencing_token;
        fence_end_ = fence_end;
    }
    if (trim_point != trim_point_) {
        trim_point_ = trim_point;
        batch.change.trim_point = trim_point;
    }
    tail_ = at;
    return batch;
}

void stream_state::committed(const accepted& batch) {
    NET_ASSERT(batch.start.seq_num == durable_tail_.seq_num,
               "batches of a stream become durable in the order of acceptance");
    durable_tail_ = batch.end;
    if (batch.change.fencing_token)
        durable_fencing_token_ = *batch.change.fencing_token;
    if (batch.change.trim_point)
        durable_trim_point_ = *batch.change.trim_point;
}

void stream_state::reset() {
    tail_ = durable_tail_;
    fencing_token_ = durable_fencing_token_;
    fence_end_ = 0;
    trim_point_ = durable_trim_point_;
}

} // namespace s2::local
