#include "s2/range_read.hpp"

#include <algorithm>

namespace s2 {

range_read::range_read(client& of, std::string stream, std::uint64_t from, std::uint64_t to,
                       read_session_options options)
    : at_(from)
    , to_(std::max(from, to)) {
    if (from >= to)
        return;
    read_start start;
    start.from = read_start::kind::seq_num;
    start.value = from;
    read_limits limits;
    limits.count = to - from;
    session_.emplace(of, std::move(stream), start, limits, options);
}

net::task<result<range_read::part>> range_read::next(net::time_point deadline) {
    while (at_ < to_) {
        if (!held_.empty()) {
            auto records = std::exchange(held_, {});
            co_return take(std::move(records));
        }
        auto batch = co_await session_->next(deadline);
        if (!batch)
            co_return batch.error();
        if (!*batch) {
            // The stream has had all these seq_nums: what does not come any more is gone.
            const missing_records rest{std::exchange(at_, to_), to_};
            co_return part(rest);
        }
        auto records = std::move((*batch)->records);
        if (!records.empty())
            co_return take(std::move(records));
    }
    co_return part(end_of_range{});
}

// The next part out of records at or above the position: up to the first hole.
range_read::part range_read::take(std::vector<sequenced_record> records) {
    const auto first = std::min(records.front().seq_num, to_);
    if (first > at_) {
        held_ = std::move(records);
        return missing_records{std::exchange(at_, first), first};
    }
    const auto hole = std::find_if(records.begin(), records.end(), [&](const auto& each) {
        if (each.seq_num != at_ || at_ == to_)
            return true;
        ++at_;
        return false;
    });
    held_.assign(std::make_move_iterator(hole), std::make_move_iterator(records.end()));
    records.erase(hole, records.end());
    return records;
}

} // namespace s2
