#include "s2/local/read_session.hpp"

#include "s2/protobuf.hpp"

#include <algorithm>
#include <limits>

namespace s2::local {
namespace {

constexpr auto heartbeat_min = std::chrono::seconds(5);
constexpr std::uint64_t heartbeat_jitter_ms = 10'000;

std::uint64_t lesser(const std::optional<std::uint64_t>& wanted, std::uint64_t at_most) {
    return wanted ? std::min(*wanted, at_most) : at_most;
}

} // namespace

bool record_chunk::beyond(std::uint64_t count, std::uint64_t metered, std::uint64_t count_max,
                          std::uint64_t metered_max) const {
    return count_ + count > count_max || metered_ + metered > metered_max;
}

record_chunk::added record_chunk::add(const batch_row& row) {
    const std::uint64_t count_max = lesser(limits_.count_wanted, limits_.count_max);
    const std::uint64_t metered_max = lesser(limits_.metered_wanted, limits_.metered_max);
    const bool whole = row.first_seq >= limits_.from_seq && row.end_seq() <= limits_.below_seq &&
                       (!limits_.until || row.last_timestamp < *limits_.until) &&
                       !beyond(row.records, row.metered, count_max, metered_max);
    if (!whole)
        return add_one_by_one(row);
    data_ += row.data; // messages of one type laid end to end are their merger
    count_ += row.records;
    metered_ += row.metered;
    last_ = {row.end_seq() - 1, row.last_timestamp};
    return added::all;
}

record_chunk::added record_chunk::add_one_by_one(const batch_row& row) {
    constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
    auto decoded = decode_read_batch(row.data);
    if (!decoded || decoded->records.size() != row.records)
        return added::damaged;
    read_batch taken;
    auto outcome = added::all;
    for (auto& record : decoded->records) {
        if (record.seq_num < limits_.from_seq)
            continue;
        if (record.seq_num >= limits_.below_seq)
            break;
        const std::uint64_t metered = metered_bytes(record.headers, record.body);
        const bool denied = (limits_.until && record.timestamp >= *limits_.until) ||
                            beyond(1, metered, limits_.count_wanted.value_or(no_limit),
                                   limits_.metered_wanted.value_or(no_limit));
        if (denied || beyond(1, metered, limits_.count_max, limits_.metered_max)) {
            outcome = denied ? added::ended : added::full;
            break;
        }
        ++count_;
        metered_ += metered;
        last_ = {record.seq_num, record.timestamp};
        taken.records.push_back(std::move(record));
    }
    encode_read_batch(taken, data_);
    return outcome;
}

read_session::read_session(store& from, stream_handle stream, read_request request)
    : store_(from)
    , env_(from.env())
    , stream_(std::move(stream))
    , request_(std::move(request)) {}

read_session::~read_session() {
    follow(false);
}

net::task<outcome<void>> read_session::start() {
    // An exhausted limit completes even where the start is beyond the tail.
    if (request_.nothing_wanted()) {
        ended_ = true;
        co_return outcome<void>();
    }
    if (stream_->gone)
        co_return *stream_->gone;
    const stream_position tail = stream_->state.durable_tail();
    const read_start& start = request_.start;
    const bool by_time = start.from == read_start::kind::timestamp;
    position_ = start.value;
    if (start.from == read_start::kind::tail_offset)
        position_ = tail.seq_num - std::min(tail.seq_num, start.value);
    if (by_time ? start.value > tail.timestamp : position_ > tail.seq_num) {
        if (!start.clamp)
            co_return unwritten(tail);
        position_ = tail.seq_num;
    } else if (by_time) {
        outcome<std::optional<batch_row>> row = co_await store_.find_timestamp(stream_, start.value);
        if (!row)
            co_return row.error();
        position_ = tail.seq_num;
        if (*row) {
            const auto decoded = decode_read_batch((*row)->data);
            if (!decoded)
                co_return storage_failed({storage_error::kind::corrupt, "a stored batch does not decode"});
            for (const auto& record : decoded->records)
                if (record.timestamp >= start.value) {
                    position_ =
                        std::min(std::max(record.seq_num, stream_->state.durable_trim_point()), tail.seq_num);
                    break;
                }
        }
    }
    if (position_ == tail.seq_num && !request_.may_follow())
        co_return unwritten(tail);
    co_return outcome<void>();
}

net::task<outcome<read_event>> read_session::next() {
    while (true) {
        if (ended_ || request_.nothing_wanted()) {
            follow(false);
            co_return read_event();
        }
        if (stream_->gone)
            co_return *stream_->gone;
        if (interrupted_)
            co_return server_draining();
        if (position_ < stream_->state.durable_tail().seq_num) {
            if (auto event = from_recent())
                co_return std::move(*event);
            if (ended_)
                continue;
            follow(false); // overtaken, or catching up
            outcome<std::optional<read_event>> event = co_await catch_up();
            if (!event)
                co_return event.error();
            if (*event)
                co_return std::move(**event);
            continue;
        }
        if (!request_.may_follow()) {
            ended_ = true;
            continue;
        }
        const bool announced = following_;
        if (!following_) {
            follow(true);
            if (!wait_armed_ && request_.wait) {
                wait_until_ = net::saturating_add(env_.now(), *request_.wait);
                wait_armed_ = true;
            }
        }
        if (env_.now() >= wait_until_) {
            ended_ = true;
            continue;
        }
        if (!announced || env_.now() >= heartbeat_at_) {
            arm_heartbeat();
            read_event heartbeat;
            heartbeat.what = read_event::kind::heartbeat;
            heartbeat.tail = stream_->state.durable_tail();
            co_return heartbeat;
        }
        co_await stream_->changed.wait_until(std::min(heartbeat_at_, wait_until_));
    }
}

void read_session::interrupt() {
    interrupted_ = true;
    stream_->changed.notify();
}

record_chunk::limits read_session::limits() const {
    record_chunk::limits limits;
    limits.from_seq = std::max(position_, stream_->state.durable_trim_point());
    limits.below_seq = stream_->state.durable_tail().seq_num;
    limits.count_max = batch_records_max;
    limits.metered_max = batch_metered_bytes_max;
    limits.until = request_.until;
    limits.count_wanted = request_.count;
    limits.metered_wanted = request_.bytes;
    return limits;
}

// Nothing: go round once more.
net::task<outcome<std::optional<read_event>>> read_session::catch_up() {
    const record_chunk::limits within = limits();
    outcome<std::vector<batch_row>> rows = std::vector<batch_row>();
    if (within.from_seq < within.below_seq)
        rows = co_await store_.read_page(stream_, within.from_seq, within.below_seq);
    if (!rows)
        co_return rows.error();
    if (rows->empty()) {
        position_ = within.below_seq; // all of it is trimmed or expired
        co_return std::optional<read_event>();
    }
    record_chunk chunk(within);
    for (const batch_row& row : *rows) {
        const auto added = chunk.add(row);
        if (added == record_chunk::added::damaged)
            co_return storage_failed({storage_error::kind::corrupt, "a stored batch does not decode"});
        ended_ = added == record_chunk::added::ended;
        if (added != record_chunk::added::all)
            break;
    }
    if (chunk.count() == 0)
        co_return std::optional<read_event>();
    co_return std::optional<read_event>(deliver(chunk, std::nullopt));
}

// While following, each batch comes as its own message, with the tail behind it.
std::optional<read_event> read_session::from_recent() {
    if (!following_)
        return std::nullopt;
    for (const durable_batch& batch : stream_->recent) {
        if (batch->row.first_seq != position_)
            continue;
        auto within = limits();
        within.from_seq = position_; // what was live when it was appended is delivered, trimmed or not
        record_chunk chunk(within);
        const auto added = chunk.add(batch->row);
        ended_ = added == record_chunk::added::ended;
        if (chunk.count() == 0)
            return std::nullopt;
        return deliver(chunk, batch->end);
    }
    return std::nullopt;
}

read_event read_session::deliver(record_chunk& chunk, std::optional<stream_position> tail) {
    read_event event;
    event.what = read_event::kind::batch;
    event.count = chunk.count();
    event.metered = chunk.metered();
    event.last = chunk.last();
    event.tail = tail;
    event.records = chunk.take();
    position_ = event.last.seq_num + 1;
    if (request_.count)
        *request_.count -= std::min(*request_.count, event.count);
    if (request_.bytes)
        *request_.bytes -= std::min(*request_.bytes, event.metered);
    if (request_.wait) {
        wait_until_ = net::saturating_add(env_.now(), *request_.wait);
        wait_armed_ = true;
    }
    arm_heartbeat();
    return event;
}

void read_session::follow(bool on) {
    if (on == following_)
        return;
    following_ = on;
    if (on)
        ++stream_->followers;
    else
        stream_->leave();
}

void read_session::arm_heartbeat() {
    const auto jitter = std::chrono::milliseconds(net::random_below(env_, heartbeat_jitter_ms));
    heartbeat_at_ = net::saturating_add(env_.now(), heartbeat_min + jitter);
}

} // namespace s2::local
