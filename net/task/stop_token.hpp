#pragma once
// A stop in two stages, told down the tree by one object:
//   drain  take nothing new, finish what you hold; there is a deadline
//   abort  leave now, account for what you hold
// The source belongs to whoever decides (the teardown, a server); everybody else holds a const reference as
// stop_token.

#include "net/task/condition.hpp"

namespace net {

enum class stop_stage { none, drain, abort };

class stop_source {
public:
    explicit stop_source(environment& env)
        : changed_(env) {}

    stop_stage stage() const { return stage_; }

    bool stopping() const { return stage_ != stop_stage::none; }

    bool aborting() const { return stage_ == stop_stage::abort; }

    time_point deadline() const { return deadline_; } // of the drain; never before it

    // Stages only rise; a later drain can only bring the deadline forward.
    void drain(time_point deadline) {
        if (stage_ == stop_stage::abort)
            return;
        stage_ = stop_stage::drain;
        deadline_ = std::min(deadline_, deadline);
        changed_.notify();
    }

    void abort() {
        stage_ = stop_stage::abort;
        changed_.notify();
    }

    condition& changed() { return changed_; }

private:
    condition changed_;
    stop_stage stage_ = stop_stage::none;
    time_point deadline_ = never;
};

using stop_token = stop_source&;

} // namespace net
