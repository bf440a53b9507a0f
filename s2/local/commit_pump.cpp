#include "s2/local/commit_pump.hpp"

#include "net/assert.hpp"

#include <algorithm>

namespace s2::local {
namespace {

constexpr std::uint64_t ticket_bytes = 512; // what a queued batch takes beside its data, roughly

std::uint64_t weight(const append_ticket& ticket) {
    return ticket.batch->row.data.size() + ticket_bytes;
}

} // namespace

commit_pump::commit_pump(net::environment& env, storage& into)
    : env_(env)
    , storage_(into)
    , work_(env)
    , room_(env) {}

void commit_pump::close() {
    closing_ = true;
    work_.notify();
    room_.notify();
}

net::task<void> commit_pump::room() {
    while (queued_bytes_ >= queue_bytes_max && !closing_)
        co_await room_.wait();
}

append_ticket_ptr commit_pump::submit(const stream_handle& stream, std::uint64_t epoch,
                                      append_input&& input) {
    auto ticket = std::make_shared<append_ticket>();
    ticket->stream = stream;
    ticket->epoch = stream->epoch;
    if (stream->gone) {
        ticket->failed = *stream->gone;
        return ticket;
    }
    if (epoch != stream->epoch) {
        NET_ASSERT(stream->taken_back.has_value(), "an epoch ends for a reason");
        ticket->failed = *stream->taken_back;
        return ticket;
    }
    if (closing_) {
        ticket->failed = server_draining();
        return ticket;
    }
    auto decided = stream->state.append(std::move(input), env_.wall_now() / 1000);
    if (auto* refusal = std::get_if<stream_state::refused>(&decided)) {
        ticket->refused = std::move(refusal->why);
        ticket->rests_on = refusal->rests_on;
        return ticket;
    }
    ticket->batch =
        std::make_shared<const stream_state::accepted>(std::move(std::get<stream_state::accepted>(decided)));
    queued_bytes_ += weight(*ticket);
    queue_.push_back(ticket);
    work_.notify();
    return ticket;
}

net::task<outcome<append_ack>> commit_pump::settled(append_ticket_ptr ticket) {
    stream_entry& stream = *ticket->stream;
    if (ticket->refused) {
        while (stream.epoch == ticket->epoch && !stream.gone &&
               stream.state.durable_tail().seq_num < ticket->rests_on)
            co_await stream.changed.wait();
        if (stream.epoch != ticket->epoch)
            co_return *stream.taken_back;
        if (stream.gone && stream.state.durable_tail().seq_num < ticket->rests_on)
            co_return *stream.gone;
        co_return *ticket->refused;
    }
    while (!ticket->durable && !ticket->failed)
        co_await stream.changed.wait();
    if (ticket->failed)
        co_return *ticket->failed;
    const stream_position durable = stream.state.durable_tail();
    co_return append_ack{ticket->batch->start, ticket->batch->end, durable};
}

void commit_pump::fail_queued(const stream_handle& stream, const failure& why) {
    std::erase_if(queue_, [&](const append_ticket_ptr& ticket) {
        if (ticket->stream != stream)
            return false;
        ticket->failed = why;
        queued_bytes_ -= weight(*ticket);
        return true;
    });
    stream->changed.notify();
    room_.notify();
}

commit_pump::transaction commit_pump::next_transaction() {
    transaction next;
    std::uint64_t bytes = 0;
    while (!queue_.empty() &&
           (next.tickets.empty() || bytes + weight(*queue_.front()) <= transaction_bytes_max)) {
        auto ticket = std::move(queue_.front());
        queue_.pop_front();
        bytes += weight(*ticket);
        next.rows.push_back(&ticket->batch->row);
        const stream_change& change = ticket->batch->change;
        if (change.fencing_token || change.trim_point)
            next.changes.push_back(change);
        next.tickets.push_back(std::move(ticket));
    }
    return next;
}

net::task<void> commit_pump::run() {
    while (true) {
        while (queue_.empty()) {
            if (closing_)
                co_return;
            co_await work_.wait();
        }
        const transaction current = next_transaction();
        auto write = [this, &current] { return storage_.commit(current.rows, current.changes); };
        const stored<void> written = co_await net::on_helper(env_, std::move(write));
        for (const auto& ticket : current.tickets)
            queued_bytes_ -= weight(*ticket);
        if (written)
            settle_all(current);
        else
            take_back(current, written.error());
        room_.notify();
    }
}

void commit_pump::settle_all(const transaction& done) {
    for (const auto& ticket : done.tickets) {
        ticket->durable = true;
        ticket->stream->committed(ticket->batch);
    }
    // Told only now: an ack's tail is the stream's durable tail, which counts all of the transaction.
    for (const auto& ticket : done.tickets) {
        ticket->stream->changed.notify();
        if (on_commit)
            on_commit(ticket->stream, ticket->batch->change.trim_point.has_value());
    }
}

void commit_pump::take_back(const transaction& failed, const storage_error& why) {
    const failure told = storage_failed(why);
    for (const auto& ticket : failed.tickets) {
        ticket->failed = told;
        stream_entry& stream = *ticket->stream;
        if (stream.epoch != ticket->epoch)
            continue; // taken back already, by an earlier ticket of this transaction
        ++stream.epoch;
        stream.taken_back = told;
        fail_queued(ticket->stream, told);
        stream.state.reset();
        stream.changed.notify();
    }
}

} // namespace s2::local
