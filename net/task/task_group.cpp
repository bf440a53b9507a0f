#include "net/task/task_group.hpp"

#include "net/assert.hpp"
#include "net/task/suspension.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

namespace net {

// Shared with the runtime, which keeps it as long as the child's frame: the signal outlives what listens to
// it also where the loop is destroyed with everything suspended.
struct task_group::child {
    child(task_group* in, asio::any_io_executor on)
        : group(in)
        , executor(std::move(on)) {}

    task_group* group;
    asio::any_io_executor executor;
    std::list<std::shared_ptr<child>>::iterator place;
    asio::cancellation_signal signal;
};

namespace {

task<void> in_a_turn_of_its_own(task<void> body) {
    co_await asio::post(asio::use_awaitable);
    co_await std::move(body);
}

bool is_abort(const std::exception_ptr& why) noexcept {
    try {
        std::rethrow_exception(why);
    } catch (const boost::system::system_error& failure) {
        return is_cancelled(failure.code());
    } catch (...) {
        return false;
    }
}

} // namespace

// co_spawn runs a task inside the call up to its first suspension; a child starts in a turn of its own, or
// not at all where the group was aborted before that.
task<void> task_group::start_later(std::shared_ptr<child> who, std::function<task<void>()> make_child) {
    co_await asio::post(asio::use_awaitable);
    if (who->group && who->group->aborted_)
        co_return;
    co_await make_child();
}

task_group::task_group(environment& env)
    : env_(env)
    , changed_(env) {}

task_group::~task_group() {
    for (auto& one : children_) {
        NET_ASSERT(!detail::inside_loop(one->executor), "a task group must outlive its tasks");
        one->group = nullptr;
    }
}

void task_group::spawn(task<void> body) {
    // A std::function must be copyable; a task is not.
    spawn([one = std::make_shared<task<void>>(std::move(body))] { return std::move(*one); });
}

void task_group::spawn(std::function<task<void>()> make_child) {
    if (aborted_)
        return;
    auto added = std::make_shared<child>(this, env_.executor());
    added->place = children_.insert(children_.end(), added);
    asio::co_spawn(added->executor, start_later(added, std::move(make_child)),
                   asio::bind_cancellation_slot(added->signal.slot(), [added](std::exception_ptr why) {
                       if (added->group)
                           added->group->left(*added, why);
                   }));
}

void task_group::left(child& who, std::exception_ptr why) noexcept {
    who.group = nullptr;
    children_.erase(who.place);
    if (why)
        note(why);
    if (first_failure_)
        abort();
    changed_.notify();
}

void task_group::note(std::exception_ptr why) noexcept {
    if (!first_failure_ && !is_abort(why))
        first_failure_ = std::move(why);
}

void task_group::abort() noexcept {
    if (aborted_)
        return;
    aborted_ = true;
    // Posted: whoever aborts is never resumed, or destroyed, inside its own call.
    for (auto& one : children_)
        asio::post(one->executor, [one] {
            if (one->group)
                one->signal.emit(asio::cancellation_type::terminal);
        });
}

task<void> task_group::join() {
    return join_down_to(0);
}

task<void> task_group::join_down_to(std::size_t count) {
    std::exception_ptr aborted_ourselves;
    try {
        while (children_.size() > count && !first_failure_)
            co_await changed_.wait();
    } catch (...) {
        aborted_ourselves = std::current_exception();
    }
    if (!aborted_ourselves && !first_failure_)
        co_return;
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await settle();
    co_await asio::this_coro::throw_if_cancelled(true);
    std::rethrow_exception(first_failure_ ? first_failure_ : aborted_ourselves);
}

// Aborts the children and waits for the last one, even where the waiter is being aborted itself: its frame is
// what they refer to. Only for a task that does not throw when cancelled.
task<void> task_group::settle() {
    abort();
    while (!children_.empty()) {
        try {
            co_await changed_.wait();
        } catch (const boost::system::system_error&) {
            // Aborted once more while waiting; the children have been told already.
        }
    }
}

task<void> with_task_group(environment& env, std::function<task<void>(task_group&)> body) {
    task_group group(env);
    std::exception_ptr aborted_ourselves;
    try {
        co_await body(group);
    } catch (...) {
        auto why = std::current_exception();
        group.note(why);
        aborted_ourselves = why;
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await group.settle();
    co_await asio::this_coro::throw_if_cancelled(true);
    if (group.first_failure_)
        std::rethrow_exception(group.first_failure_);
    if (aborted_ourselves)
        std::rethrow_exception(aborted_ourselves);
}

void spawn_owned(environment& env, std::shared_ptr<void> owner, task<void> body) {
    asio::co_spawn(env.executor(), in_a_turn_of_its_own(std::move(body)),
                   [owner = std::move(owner)](std::exception_ptr why) {
                       if (why && !is_abort(why))
                           std::rethrow_exception(why);
                   });
}

} // namespace net
