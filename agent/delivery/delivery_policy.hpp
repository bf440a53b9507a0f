#pragma once
// What the delivery of one stream does next, and how it stands, as a plain machine.
//
// 1. A failure is retried after a backoff. A flush ends the backoff that it meets, or, where an attempt is
//    under way, the one that would follow it: that attempt began before the wish, and its failure is no
//    answer to it. What fails afterwards backs off again, as if it were the first.
// 2. What no retry cures is parked: tried again every park_retry, as far as it is its turn, and at once when
//    it is told to. A flush leaves it alone. While it is tried again it is not known whether it still is
//    refused; the next answer says.
// 3. An append session through which nothing has gone for idle_close is closed in order. A delivery that is
//    to retire closes it as soon as nothing is left, and leaves.

#include "agent/delivery/standing.hpp"
#include "net/retry.hpp"
#include "s2/error.hpp"
#include "s2/writer_action.hpp"

#include <optional>
#include <ostream>
#include <string>

namespace agent {

constexpr net::duration park_retry = std::chrono::seconds(5);
constexpr net::duration park_retry_later = std::chrono::seconds(1); // where its turn has not come

struct delivery_facts {
    bool resting = false; // nothing is to be done before an ack, a new batch, or a wish
    bool quiet = false;   // nothing is out, and nothing waits to go
    bool session_open = false;
    bool session_takes_batches = false;
    net::time_point batch_due = net::never; // when what waits becomes a batch
};

struct delivery_step {
    enum class kind {
        act,           // do what the writer asks for
        wait,          // until then, or until something happens
        close_session, // in order, and go on
        leave,
    };
    kind what = kind::act;
    net::time_point until = net::never;

    bool operator==(const delivery_step&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const delivery_step& step) {
    constexpr const char* names[] = {"act", "wait", "close_session", "leave"};
    return out << names[static_cast<std::size_t>(step.what)] << " until "
               << step.until.time_since_epoch().count();
}

class delivery_policy {
public:
    explicit delivery_policy(net::duration idle_close)
        : idle_close_(idle_close) {}

    // --- what has happened. True: how it stands has changed, or, of a stream that was tried again, is known.
    void begin(net::time_point now) { quiet_since_ = now; }

    bool on_progress(net::time_point now);

    void on_session_end(net::time_point now) { quiet_since_ = now; }

    // `random`: 64 random bits.
    bool on_failure(s2::writer_pause pause, const s2::error& why, net::time_point now, std::uint64_t random);

    // --- wishes
    void flush();
    void retry_parked();

    void retire(bool wanted) { retiring_ = wanted; }

    bool retiring() const { return retiring_; }

    // --- what follows
    // A refusal has been waited out as long as it takes.
    bool asks_for_its_turn(net::time_point now) const {
        return is_parked(condition_) && pause_end_ && now >= *pause_end_;
    }

    // Whether a backoff or a refusal is waited out: nothing is gathered meanwhile. `may_retry`: a parked
    // stream's turn has come.
    bool pausing(net::time_point now, bool may_retry);
    // What is left of a pause is waited out first.
    delivery_step next(net::time_point now, const delivery_facts& facts);

    // --- how it stands
    stream_condition condition() const { return condition_; }

    const std::string& reason() const { return reason_; }

    bool trying_again() const { return trying_again_; }

    net::time_point refused_at() const { return refused_at_; } // of a parked stream, the last time

private:
    bool stand(stream_condition condition, std::string reason);

    net::duration idle_close_;
    net::retry retry_{net::retry_policy{}};
    std::optional<net::time_point> pause_end_; // of a backoff or a refusal
    net::time_point quiet_since_{};
    net::time_point refused_at_{};
    stream_condition condition_ = stream_condition::idle;
    std::string reason_;
    bool trying_again_ = false;
    bool hurried_ = false; // the attempt under way, if it fails, is followed by another at once
    bool retiring_ = false;
};

} // namespace agent
