#pragma once
// The order to leave: who gives it, and who waits for it.

#include "agent/service/teardown.hpp"
#include "net/task/condition.hpp"

namespace agent {

class stop_order {
public:
    stop_order(net::environment& env, net::duration timeout, net::duration input_grace)
        : env_(env)
        , teardown_(timeout, input_grace)
        , changed_(env) {}

    void give(teardown_cause cause) {
        teardown_.begin(cause, env_.now());
        changed_.notify();
    }

    // An acknowledgement has come.
    void delivery_moved() {
        teardown_.progressed(env_.now());
        changed_.notify();
    }

    void next_step() { teardown_.next_step(); }

    const teardown& state() const { return teardown_; }

    bool given() const { return teardown_.begun(); }

    const net::condition& changed() const {
        return changed_;
    } // it has been given, or its deadlines have moved

private:
    net::environment& env_;
    teardown teardown_;
    net::condition changed_;
};

} // namespace agent
