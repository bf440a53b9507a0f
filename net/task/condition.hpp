#pragma once
// The one waiting primitive of the loop: a task waits until another one notifies. Wakes only waiters that
// wait already, so a caller checks its predicate first, on the same thread, without awaiting in between:
//
//     while (!queue.has_room())
//         co_await room.wait();
//
// Waiters are resumed through the executor, never from inside notify(), so notify() can be called from
// anywhere.

#include "net/environment.hpp"

#include <memory>
#include <vector>

namespace net {

class condition {
public:
    explicit condition(environment& env);
    ~condition(); // no waiter may be left, unless the loop itself is being destroyed
    condition(const condition&) = delete;
    condition& operator=(const condition&) = delete;

    void notify(); // wakes all that wait now

    // Returns after a notify; throws system_error(operation_aborted) when the task is aborted.
    task<void> wait();
    // false: the deadline has passed first.
    task<bool> wait_until(time_point deadline);

    bool has_waiters() const { return !waiters_.empty(); }

    environment& env() { return env_; }

private:
    class waiter;

    environment& env_;
    std::vector<waiter*> waiters_;
};

// Until predicate() holds; false: the deadline has passed and it still does not.
template <class Predicate>
task<bool> wait_for(condition& on, Predicate predicate, time_point deadline = never) {
    while (!predicate()) {
        const bool notified = co_await on.wait_until(deadline);
        if (!notified)
            co_return predicate();
    }
    co_return true;
}

// Suspends until the deadline; throws when the task is aborted.
task<void> sleep_until(environment& env, time_point deadline);

} // namespace net
