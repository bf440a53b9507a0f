#pragma once
// The one waiting primitive of the loop: a task waits until another one notifies. Wakes only waiters that
// wait already, so a caller checks its predicate first, on the same thread, without awaiting in between:
//
//     while (!queue.has_room())
//         co_await room.wait();
//
// Waiters are resumed through the executor, never from inside notify(), so notify() can be called from
// anywhere.
//
// A condition means one thing, which its declaration says, and whoever makes that true notifies it: its
// owner. Waiting is const, so that an owner shows it to others as a const reference, through which nobody can
// announce. Who waits for either of two things waits on both conditions.

#include "net/environment.hpp"

#include <array>
#include <cstddef>
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
    task<void> wait() const;
    // false: the deadline has passed first.
    task<bool> wait_until(time_point deadline) const;

    bool has_waiters() const { return !waiters_.empty(); }

    environment& env() const { return env_; }

private:
    friend class condition_waiter;

    environment& env_;
    mutable std::vector<class condition_waiter*> waiters_;
};

constexpr std::size_t conditions_at_once_max = 3;

namespace detail {

using conditions_at_once = std::array<const condition*, conditions_at_once_max>; // the first is there

task<bool> wait_any(conditions_at_once on, time_point deadline);

} // namespace detail

// Until any of them notifies; false: the deadline has passed first. As with one: who asks its predicates on
// the same thread without awaiting in between misses no notify of either.
template <class... Others>
task<bool> wait_any_until(time_point deadline, const condition& first, const Others&... others) {
    static_assert(sizeof...(others) < conditions_at_once_max);
    return detail::wait_any({&first, &others...}, deadline);
}

template <class... Others>
task<bool> wait_any(const condition& first, const Others&... others) {
    return wait_any_until(never, first, others...);
}

// Until predicate() holds; false: the deadline has passed and it still does not.
template <class Predicate>
task<bool> wait_for(const condition& on, Predicate predicate, time_point deadline = never) {
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
