#include "net/task_group.hpp"

#include "net/assert.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

namespace net {

task_group::task_group(environment& env)
    : env_(env)
    , changed_(env) {}

task_group::~task_group() { NET_ASSERT(children_.empty(), "a task group must outlive its tasks"); }

void task_group::spawn(task<void> child) {
    if (aborted_)
        return;
    auto entry = children_.emplace(children_.end());
    // The completion handler is all that the runtime keeps of the child; it is posted, never run inside spawn.
    asio::co_spawn(env_.executor(), std::move(child),
                   asio::bind_cancellation_slot(entry->slot(), [this, entry](std::exception_ptr why) { left(entry, why); }));
}

void task_group::spawn(std::function<task<void>()> make_child) {
    spawn([](std::function<task<void>()> make) -> task<void> { co_await make(); }(std::move(make_child)));
}

void task_group::left(std::list<asio::cancellation_signal>::iterator child, std::exception_ptr why) noexcept {
    children_.erase(child);
    if (why) {
        try {
            std::rethrow_exception(why);
        } catch (const boost::system::system_error& failure) {
            if (!is_cancelled(failure.code()) && !first_failure_)
                first_failure_ = why;
        } catch (...) {
            if (!first_failure_)
                first_failure_ = why;
        }
        if (first_failure_)
            abort();
    }
    changed_.notify();
}

void task_group::abort() noexcept {
    if (aborted_)
        return;
    aborted_ = true;
    // Posted one by one: a child that is aborted may end, and change the list, before the next one hears of it.
    for (auto& child : children_)
        asio::post(env_.executor(), [this, signal = &child] {
            for (auto& alive : children_)
                if (&alive == signal) {
                    alive.emit(asio::cancellation_type::terminal);
                    return;
                }
        });
}

task<void> task_group::join() { return join_down_to(0); }

task<void> task_group::join_down_to(std::size_t count) {
    while (children_.size() > count && !first_failure_)
        co_await changed_.wait();
    if (first_failure_)
        co_await settle();
}

// Waits for the last child even where the waiter itself is being aborted: its frame is what the children refer to.
task<void> task_group::settle() {
    abort();
    co_await asio::this_coro::throw_if_cancelled(false);
    while (!children_.empty()) {
        try {
            co_await changed_.wait();
        } catch (const boost::system::system_error&) {
            // Aborted once more while waiting; the children have been told already.
        }
    }
    co_await asio::this_coro::throw_if_cancelled(true);
}

task<void> with_task_group(environment& env, std::function<task<void>(task_group&)> body) {
    task_group group(env);
    std::exception_ptr failure;
    try {
        co_await body(group);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await group.settle();
    if (group.first_failure_)
        std::rethrow_exception(group.first_failure_);
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace net
