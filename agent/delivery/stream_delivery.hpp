#pragma once
// Delivers one S2 stream: performs what s2::writer decides, with what stream_feed gathers, when batch_policy
// says so. One task per stream plus one that takes the acks of the open append session.
//
// 1. The state is in the table before the bytes that it describes are sent.
// 2. Whatever wakes the task (new envelopes, an ack, an end, a wish) only notifies; every decision is made in
//    run().
// 3. A failure is retried without end: delivery_policy says when, and what no retry cures.

#include "agent/config/config.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/delivery_policy.hpp"
#include "agent/delivery/pause_detector.hpp"
#include "agent/delivery/stream_feed.hpp"
#include "agent/state/delivery_table.hpp"
#include "net/task/task_group.hpp"
#include "s2/append_session.hpp"
#include "s2/client.hpp"
#include "s2/writer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace agent {

constexpr net::duration call_timeout = std::chrono::seconds(5); // of one unary call

// What the deliveries of one sink share. All of it outlives them.
struct delivery_context {
    net::environment& env;
    ring& journal;
    session_table& sessions;
    delivery_table& deliveries;
    const delivery_config& limits;
    s2::client& client;
    // Durable producers' events of a session, and that something status() shows has changed.
    std::function<void()> on_progress;
    // The condition has changed.
    std::function<void()> on_condition;
    // Whether it is a parked stream's turn to be tried again.
    std::function<bool()> may_retry;
};

class stream_delivery {
public:
    stream_delivery(delivery_context context, delivery_table::entry& entry);
    ~stream_delivery();

    // Until the stream is lost to another writer, or retire() was asked for and nothing is left. Aborted:
    // leaves now.
    net::task<> run();

    void wake() { wake_.notify(); }

    void flush();             // ends the linger of what waits, and the backoff; a parked stream stays so
    void retry_parked();      // tries a parked stream again, without waiting for its time
    void retire(bool wanted); // when nothing is left: close the session in order and return

    delivery_table::entry& entry() { return entry_; }

    const delivery_state& state() const { return entry_.state; }

    stream_feed& feed() { return feed_; }

    stream_condition condition() const { return policy_.condition(); }

    const std::string& reason() const { return policy_.reason(); }

    // Parked, and being tried again: it is not known yet whether it still is refused.
    bool trying_again() const { return policy_.trying_again(); }

    net::time_point refused_at() const { return policy_.refused_at(); } // of a parked stream, the last time

    // After run(): why another writer has the stream; empty where none has.
    std::string lost_reason() const;
    std::optional<std::uint64_t> tail() const;

    std::uint64_t ack_count() const { return ack_count_; }

private:
    // What the end of a session asks for, and why.
    struct setback {
        s2::writer::pause pause;
        s2::error why;
    };

    net::task<> perform(s2::writer_action action, net::task_group& group);
    net::task<> store_synced();
    net::task<> check_tail();
    net::task<> append_fence(s2::writer_action action);
    net::task<> create_stream();
    net::task<> read_page(s2::writer_action action);
    net::task<> open_session(net::task_group& group);
    net::task<> send();
    net::task<> half_close();
    net::task<> end_session(s2::error why);
    net::task<> replace_connection();
    net::task<> receive(std::shared_ptr<s2::append_session> session);
    setback take_session_end();

    void failed(const s2::error& why);
    void set_back(s2::writer::pause pause, const s2::error& why);
    bool pausing();
    delivery_facts facts(const s2::writer_action& action, const batch_decision& batch) const;
    void remember_writer(); // the writer's memory and the feed's progress into the table
    batch_decision freeze_due();
    void watch_acks();
    void stop_watching_acks();
    void progressed();
    std::string_view fencing_token() const;
    net::time_point call_deadline() const;

    delivery_context context_;
    delivery_table::entry& entry_;
    stream_feed feed_;
    std::optional<s2::writer> writer_;
    std::shared_ptr<s2::append_session> session_;
    std::optional<s2::append_event> session_end_; // as receive() saw it, until run() takes it
    net::condition wake_;
    delivery_policy policy_;
    pause_detector pauses_;
    std::unique_ptr<net::timer> ack_alarm_;
    bool ack_alarm_running_ = false;
    seq_t flush_to_ = 0; // no linger until this is durable
    std::uint64_t ack_count_ = 0;
};

} // namespace agent
