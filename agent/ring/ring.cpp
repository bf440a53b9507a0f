#include "agent/ring/ring.hpp"

#include "agent/ring/recovery.hpp"

namespace agent {

ring::ring(net::environment& env, ring_options options)
    : env_(env)
    , options_(std::move(options))
    , store_(env, options_.dir)
    , marks_(env, options_.dir)
    , chain_(env)
    , head_(env, chain_)
    , room_(options_, store_, chain_, head_)
    , appended_(env) {}

net::result<std::unique_ptr<ring>> ring::open(net::environment& env, ring_options options, seq_t seq_ceiling,
                                              ring_recovery& recovery) {
    std::unique_ptr<ring> opened(new ring(env, std::move(options)));
    recovery = {};
    ring_recoverer recoverer(env, opened->options_,
                             {opened->store_, opened->chain_, opened->head_, opened->marks_});
    if (const auto ec = recoverer.run(seq_ceiling, recovery))
        return ec;
    opened->after_machine_crash_ = recovery.machine_crash;
    return opened;
}

std::span<char> ring::reserve(std::size_t bytes) {
    head_.abandon();
    if (closed_ || seqs_used_up() || frame_bytes(bytes) > ring_segment_bytes - ring_header_bytes) {
        room_.refuse(closed_          ? "the agent is stopping"
                     : seqs_used_up() ? no_seq_text()
                                      : "it is longer than a segment");
        return {};
    }
    if (!head_.fits(bytes) && !room_.roll_over(ring_room::owed_segments::may_go))
        return {};
    return head_.reserve(bytes);
}

ring_entry ring::commit(std::size_t bytes, std::uint32_t session, bool own) {
    const ring_entry entry = head_.commit(bytes, session, own);
    appended_.notify();
    return entry;
}

void ring::allow_seqs(seq_t up_to, std::string why_no_more) {
    const bool more = up_to > seq_max_;
    seq_max_ = up_to;
    why_no_more_seqs_ = std::move(why_no_more);
    if (more)
        chain_.may_free();
}

std::string ring::no_seq_text() const {
    return "cannot reserve seqs ahead: " + why_no_more_seqs_;
}

seq_t ring::far_ahead_of(std::size_t bytes) const {
    if (!head_.may_end_within(bytes) || chain_.size() < ring_segments_ahead_max)
        return 0;
    if (!room_.owed(chain_.size() - ring_segments_ahead_max))
        return 0;
    std::size_t oldest = 0;
    while (!room_.owed(oldest))
        ++oldest;
    return chain_.at(oldest)->first_seq();
}

bool ring::make_room(std::size_t bytes) {
    if (seqs_used_up()) {
        room_.refuse(no_seq_text());
        return false;
    }
    if (!head_.may_end_within(bytes) || head_.fits(bytes))
        return true;
    head_.abandon();
    return !closed_ && room_.roll_over(ring_room::owed_segments::stay);
}

net::time_point ring::look_again_at() const {
    return room_.may_pass() ? net::saturating_add(env_.now(), ring_look_again_after) : net::never;
}

seq_t ring::live_history_seq() const {
    return chain_.at(chain_.history_begin(options_.live_history_bytes))->first_seq();
}

void ring::owed_changed() {
    chain_.may_free();
    if (!room_.anything_owed())
        chain_.keep_mapped(0);
}

std::unique_ptr<ring_hold> ring::hold(seq_t first, seq_t last) {
    return std::make_unique<ring_hold>(chain_, first, last);
}

// What is written while the disk is waited for takes the word back.
net::task<> ring::sync_ahead() {
    if (store_.in_memory())
        co_return;
    const auto present = chain_.all();
    for (const auto& segment : present) {
        if (segment->synced() || segment->freed())
            continue;
        const auto mapped = segment->pin();
        if (!mapped)
            continue; // close_clean() tries again
        segment->set_synced(true);
        const auto work = [&mapped] { return (*mapped)->sync(); };
        const net::error_code failed = co_await net::on_helper(env_, work);
        if (!failed)
            continue;
        segment->set_synced(false);
        sync_failed_ = failed;
    }
}

net::error_code ring::close_clean() {
    closed_ = true;
    head_.abandon();
    if (store_.in_memory())
        return {};
    if (sync_failed_)
        return sync_failed_;
    for (const auto& segment : chain_.all()) {
        if (segment->synced())
            continue;
        auto mapped = segment->pin();
        if (!mapped)
            return mapped.error();
        if (const auto ec = (*mapped)->sync())
            return ec;
        segment->set_synced(true);
    }
    return marks_.write_clean(last_seq());
}

} // namespace agent
