#pragma once
// Structured concurrency. A task_group is the only way to start a task; it lives inside with_task_group(),
// which is finished only when every child has left, whatever the way out (return, exception, abort from
// above).
//
//     co_await with_task_group(env, [&](task_group& group) -> task<> {
//         group.spawn(read_loop());
//         group.spawn(write_loop());
//         co_await group.join();
//     });
//
// Rules:
// 1. A child that ends by abort (operation_aborted) ends quietly.
// 2. A child that ends by any other exception aborts its siblings; the scope rethrows the first such
//    exception.
// 3. abort() reaches every child, and through their own scopes every grandchild. It never blocks.
// 4. Leaving the body while children run aborts them and waits. To let them finish, the body awaits join().

#include "net/task/condition.hpp"

#include <exception>
#include <functional>
#include <list>
#include <memory>

namespace net {

class task_group {
public:
    explicit task_group(environment& env);
    ~task_group(); // asserts that no child is left
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    // Starts the task from the executor, not inside this call. After abort() it is refused (destroyed
    // unstarted).
    void spawn(task<void> body);
    // The same for a callable that makes the task; it is kept alive as long as the task. A lambda with
    // captures must be passed this way: a coroutine refers to its closure.
    void spawn(std::function<task<void>()> make_child);
    void abort() noexcept;

    bool aborted() const { return aborted_; }

    std::size_t size() const { return children_.size(); }

    // Until no child is left. An abort of the waiter is passed on to the children, and waited for. Throws the
    // first failure of a child (rule 2), when all have left.
    task<void> join();
    // The same until at most `count` are left.
    task<void> join_down_to(std::size_t count);

    environment& env() { return env_; }

private:
    struct child;
    friend task<void> with_task_group(environment&, std::function<task<void>(task_group&)>);

    static task<void> start_later(std::shared_ptr<child> who, std::function<task<void>()> make_child);
    task<void> settle();
    void left(child& who, std::exception_ptr why) noexcept;
    void note(std::exception_ptr why) noexcept;

    environment& env_;
    condition changed_;
    std::list<std::shared_ptr<child>> children_;
    std::exception_ptr first_failure_;
    bool aborted_ = false;
};

task<void> with_task_group(environment& env, std::function<task<void>(task_group&)> body);

// For the loops of an object that is no scope, such as a client's connection: the task holds its owner until
// it ends, and closing the owner must make it end. Anything but an abort leaves through the loop. Everything
// else belongs in a group.
void spawn_owned(environment& env, std::shared_ptr<void> owner, task<void> body);

} // namespace net
