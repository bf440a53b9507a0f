#pragma once
// A stop in two stages, told down the tree by one object:
//   drain  take nothing new, finish what you hold; there is a deadline
//   abort  leave now, account for what you hold
// The source belongs to whoever decides (the teardown, a server) and is the only one that can stop anything.
// Everybody else holds a stop_token, which sees what the source says, waits for it, and can't say it.

#include "net/task/condition.hpp"

#include <algorithm>

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

    const condition& changed() const { return changed_; } // the stage has risen, or the deadline has moved

private:
    condition changed_;
    stop_stage stage_ = stop_stage::none;
    time_point deadline_ = never;
};

// A view of a source, which must outlive it. Cheap to copy: a task that outlives its caller takes a copy.
class stop_token {
public:
    stop_token(const stop_source& source) // a source is handed down as one
        : source_(&source) {}

    stop_token(stop_source&&) = delete;

    stop_stage stage() const { return source_->stage(); }

    bool stopping() const { return source_->stopping(); }

    bool aborting() const { return source_->aborting(); }

    time_point deadline() const { return source_->deadline(); }

    const condition& changed() const { return source_->changed(); }

    // Until the stop has begun.
    task<void> begun() const { return until_begun(*this); }

    // Until who is stopped must have left: it was told to abort, or the drain's deadline, which may come
    // nearer meanwhile, has passed.
    task<void> over() const { return until_over(*this); }

private:
    static task<void> until_begun(stop_token of) {
        while (!of.stopping())
            co_await of.changed().wait();
    }

    static task<void> until_over(stop_token of) {
        while (!of.aborting()) {
            const bool changed = co_await of.changed().wait_until(of.deadline());
            if (!changed)
                co_return;
        }
    }

    const stop_source* source_;
};

} // namespace net
