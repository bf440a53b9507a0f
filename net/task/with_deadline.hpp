#pragma once
// A task that takes no deadline of its own, given one. For an operation on a
// stream or an exchange that is closed anyway when it takes too long,
// deadline_guard (deadline.hpp) is cheaper.

#include "net/task/task_group.hpp"

#include <optional>
#include <utility>

namespace net {

// timed_out when `when` passes first: the task has then been aborted, and has
// left. Where it succeeds at the last moment, that counts.
template <class T>
task<result<T>> with_deadline(environment& env, time_point when, task<result<T>> work) {
    if (when == never) {
        auto unbounded = co_await std::move(work);
        co_return std::move(unbounded);
    }
    std::optional<result<T>> outcome;
    bool in_time = false;
    condition done(env); // there is an outcome
    std::function<task<>()> run = [&]() -> task<> {
        auto value = co_await std::move(work);
        outcome.emplace(std::move(value));
        done.notify();
    };
    std::function<task<>(task_group&)> body = [&](task_group& group) -> task<> {
        group.spawn(run);
        in_time = co_await wait_for(done, [&] { return outcome.has_value(); }, when);
    };
    co_await with_task_group(env, body);
    if (in_time || (outcome && outcome->has_value()))
        co_return std::move(*outcome);
    co_return make_error_code(error::timed_out);
}

} // namespace net
