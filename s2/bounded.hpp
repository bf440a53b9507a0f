#pragma once
// A net operation that takes no deadline, given one.

#include "net/task/task_group.hpp"

#include <functional>
#include <optional>

namespace s2 {

// timed_out when the deadline passes first: the operation has then been aborted, and has left. Where it
// succeeds at the last moment, that counts.
template <class T>
net::task<net::result<T>> bounded(net::environment& env, net::time_point deadline,
                                  std::function<net::task<net::result<T>>()> make) {
    if (deadline == net::never) {
        auto unbounded = co_await make();
        co_return std::move(unbounded);
    }
    std::optional<net::result<T>> outcome;
    bool in_time = false;
    net::condition changed(env);
    std::function<net::task<>()> run = [&]() -> net::task<> {
        auto value = co_await make();
        outcome.emplace(std::move(value));
        changed.notify();
    };
    std::function<net::task<>(net::task_group&)> body = [&](net::task_group& group) -> net::task<> {
        group.spawn(run);
        in_time = co_await net::wait_for(changed, [&] { return outcome.has_value(); }, deadline);
    };
    co_await net::with_task_group(env, body);
    if (in_time || (outcome && outcome->has_value()))
        co_return std::move(*outcome);
    co_return net::make_error_code(net::error::timed_out);
}

} // namespace s2
