#include "agent/delivery/delivery_schedule.hpp"

#include <algorithm>
#include <utility>

namespace agent {

delivery_schedule::delivery_schedule(schedule_setup setup, owed_streams& owed,
                                     const stream_placement& placement, schedule_listener& listener)
    : setup_(std::move(setup))
    , owed_(owed)
    , placement_(placement)
    , listener_(listener) {}

delivery_schedule::~delivery_schedule() = default;

void delivery_schedule::recover() {
    for (const auto& each : setup_.deliveries.all())
        if (const auto& state = each->state; !state.lost && state.sent_seq > state.durable_seq)
            holds_[each.get()] = setup_.journal.hold(state.durable_seq + 1, state.sent_seq);
}

stream_delivery* delivery_schedule::find(const entry& of) const {
    for (const auto& one : running_)
        if (&one->entry() == &of)
            return one.get();
    return nullptr;
}

bool delivery_schedule::is_wanted(stream_delivery& of) const {
    return owed_.is_active(of.state()) || owed_.owes(of.entry());
}

// The active session's even while it owes nothing: nobody looks here again for each envelope that it will
// owe.
bool delivery_schedule::is_needed(const entry& stream) const {
    return owed_.owes(stream) || (!draining_ && owed_.is_active(stream.state));
}

void delivery_schedule::start_due(net::task_group& group) {
    std::vector<entry*> streams;
    std::vector<waiting_stream> waiting;
    for (auto* each : owed_.unsettled()) {
        if (each->state.lost || !placement_.here(each->state) || find(*each) || !is_needed(*each))
            continue;
        streams.push_back(each);
        waiting.push_back({each->state.from_seq, owed_.is_active(each->state)});
    }
    const auto written = static_cast<std::size_t>(std::count_if(
        running_.begin(), running_.end(), [](const auto& one) { return !is_parked(one->condition()); }));
    for (const auto index : streams_to_start(waiting, written, parked().has_value()))
        start(*streams[index], group);
}

void delivery_schedule::start(entry& stream, net::task_group& group) {
    delivery_context context{setup_.env,
                             setup_.journal,
                             setup_.sessions,
                             setup_.deliveries,
                             setup_.limits,
                             setup_.client,
                             [this, &stream] {
                                 owed_.stream_changed(stream);
                                 listener_.progressed();
                             },
                             [this, &stream] {
                                 owed_.stream_changed(stream);
                                 listener_.condition_changed();
                             },
                             [this, &stream] { return may_retry(facts(), owed_.is_active(stream.state)); }};
    auto one = std::make_shared<stream_delivery>(std::move(context), stream);
    holds_.erase(&stream); // its feed holds the same
    running_.push_back(one);
    if (flush_to_ > stream.state.durable_seq)
        one->flush();
    group.spawn([this, one] { return deliver(one); });
}

void delivery_schedule::retire_unneeded() {
    for (const auto& one : running_)
        if (!is_parked(one->condition()))
            one->retire(!is_needed(one->entry()));
}

void delivery_schedule::wake() {
    for (const auto& one : running_)
        if (!is_parked(one->condition()))
            one->wake();
}

net::task<> delivery_schedule::deliver(std::shared_ptr<stream_delivery> one) {
    co_await one->run();
    finished_acks_ += one->ack_count();
    std::string lost = one->lost_reason();
    auto& stream = one->entry();
    owed_.stream_changed(stream);
    if (stream.state.sent_seq > stream.state.durable_seq && lost.empty())
        holds_[&stream] = setup_.journal.hold(stream.state.durable_seq + 1, stream.state.sent_seq);
    std::erase(running_, one);
    one.reset();
    if (!lost.empty())
        co_await listener_.lost(stream, std::move(lost));
    listener_.ended();
}

std::vector<delivered_stream> delivery_schedule::facts() const {
    std::vector<delivered_stream> all;
    for (const auto& one : running_)
        all.push_back(
            {one->condition(), owed_.is_active(one->state()), one->trying_again(), one->refused_at()});
    return all;
}

void delivery_schedule::hurry(seq_t up_to) {
    flush_to_ = std::max(flush_to_, up_to);
    for (const auto& one : running_)
        one->flush();
    for (const auto index : streams_to_retry(facts()))
        running_[index]->retry_parked();
}

std::optional<sink_parked> delivery_schedule::parked() const {
    const auto refused_as_sink = [](const auto& one) {
        return one->condition() == stream_condition::sink_parked;
    };
    if (std::none_of(running_.begin(), running_.end(), refused_as_sink))
        return std::nullopt;
    std::vector<written_stream> all;
    for (const auto& one : running_)
        all.push_back({one->condition(), is_wanted(*one), one->reason()});
    return sink_parked::of_all(all);
}

std::uint64_t delivery_schedule::ack_count() const {
    std::uint64_t count = finished_acks_;
    for (const auto& one : running_)
        count += one->ack_count();
    return count;
}

} // namespace agent
