#pragma once
// The teardown as a plain machine (product: Teardown): its steps in their order, and when waiting ends.
//
// 1. The first cause begins it; a signal during one that the end of input began sets an absolute deadline;
//    the second signal cuts it short.
// 2. On a signal, and where a part of the agent has failed, the deadline is absolute. At end of input it is
//    counted from the last acknowledgement, so that a delivery that moves is finished.
// 3. The first signal leaves producers the input grace, at most a quarter of the timeout and within it.
// 4. Steps only go forward; a step that is cut short is over, and the next ones still run (they don't wait
//    for S2).

#include "agent/delivery/report.hpp"
#include "net/clock.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace agent {

enum class teardown_cause { signal, end_of_input, parked, failure, no_start };

constexpr std::string_view name_of(teardown_cause cause) {
    constexpr std::string_view names[] = {"signal", "end of input", "delivery is parked", "a part has failed",
                                          "no capture session could be started"};
    return names[static_cast<std::size_t>(cause)];
}

enum class teardown_step { stop_intake, end_session, deliver, close_files, close_ring, done };

constexpr std::string_view name_of(teardown_step step) {
    constexpr std::string_view names[] = {"stop intake",     "end the capture session", "deliver to S2",
                                          "close the files", "sync the ring",           "done"};
    return names[static_cast<std::size_t>(step)];
}

// How it was when all was over.
struct end_facts {
    bool owes = false;         // something to S2
    bool refused = false;      // some of that
    bool failed = false;       // the input, or a part of the agent
    bool input_unread = false; // it was left before its end
    bool state_lost = false;   // what ring and embedded store held went with the state directory
};

constexpr net::duration waiting_input_grace = std::chrono::milliseconds(100);

class teardown {
public:
    explicit teardown(net::duration timeout, net::duration input_grace = net::duration::zero())
        : timeout_(timeout)
        , input_grace_(std::min(input_grace, timeout / input_share)) {}

    bool begun() const { return cause_.has_value(); }

    std::optional<teardown_cause> cause() const { return cause_; }

    // By a signal or a failure, whatever the teardown began with.
    bool told_to_leave() const { return absolute_.has_value(); }

    teardown_step step() const { return step_; }

    void begin(teardown_cause cause, net::time_point now) {
        if (cause == teardown_cause::signal)
            signalled(now);
        else if (cause == teardown_cause::failure && !absolute_)
            absolute_ = net::saturating_add(now, timeout_); // what fails after it must not cut it short
        if (cause_)
            return;
        cause_ = cause;
        begun_at_ = last_progress_ = now;
        if (cause == teardown_cause::parked || cause == teardown_cause::no_start)
            cut_short_ = true; // a parked sink is not waited for; what kept a session from starting was
    }

    // An acknowledgement has come.
    void progressed(net::time_point now) { last_progress_ = std::max(last_progress_, now); }

    // When waiting for S2 ends.
    net::time_point deadline() const {
        if (cut_short_)
            return net::time_point::min();
        return absolute_.value_or(net::saturating_add(last_progress_, timeout_));
    }

    bool cut_short() const { return cut_short_; }

    // A signal has come, and producers that it reached too may still say their last words.
    bool reads_to_the_end() const { return last_words_; }

    // Until when what stands in the input is still taken. A refusal by S2 may come before the first read.
    net::time_point input_deadline() const {
        if (reads_to_the_end())
            return net::saturating_add(signalled_at_, input_grace_);
        return cause_ == teardown_cause::parked && !told_to_leave()
                   ? net::saturating_add(begun_at_, waiting_input_grace)
                   : net::time_point::min();
    }

    // Who left because S2 refuses says so, whatever the last attempt, on leaving, met: all that was taken may
    // be durable then, and the rest of the input is not.
    exit_code exit(const end_facts& end) const {
        const bool parked = cause_ == teardown_cause::parked;
        if (end.state_lost)
            return exit_code::unusable;
        if (end.owes)
            return end.refused || parked ? exit_code::parked : exit_code::undelivered;
        if (parked && end.input_unread)
            return exit_code::parked;
        return end.failed ? exit_code::failure : exit_code::durable;
    }

    void next_step() {
        if (step_ != teardown_step::done)
            step_ = static_cast<teardown_step>(static_cast<int>(step_) + 1);
    }

private:
    void signalled(net::time_point now) {
        last_words_ = !absolute_;
        if (absolute_) {
            cut_short_ = true;
        } else {
            signalled_at_ = now;
            absolute_ = net::saturating_add(now, timeout_);
        }
    }

    static constexpr int input_share = 4; // of the timeout: most of it is for the delivery

    net::duration timeout_;
    net::duration input_grace_;
    std::optional<teardown_cause> cause_;
    std::optional<net::time_point> absolute_;
    bool last_words_ = false;
    net::time_point signalled_at_{};
    net::time_point begun_at_{};
    net::time_point last_progress_{};
    bool cut_short_ = false;
    teardown_step step_ = teardown_step::stop_intake;
};

} // namespace agent
