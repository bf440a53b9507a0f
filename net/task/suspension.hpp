#pragma once
// One suspended task and the one event that resumes it; what conditions and the helper thread are made of.
//
// Rules:
// 1. A suspension is used once, and lives in the frame of the task that it suspends.
// 2. The first of resume() and an abort decides; whatever comes later changes nothing.
// 3. Resumption is posted to the executor: who calls resume() never runs the task's code inside its own.
// 4. An io_context that is destroyed destroys the tasks suspended here too; nothing leaks and nothing is
//    resumed.

#include "net/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>

namespace net::detail {

class suspended_tasks;

class suspension {
public:
    explicit suspension(asio::any_io_executor executor);
    ~suspension();
    suspension(const suspension&) = delete;
    suspension& operator=(const suspension&) = delete;

    enum class attends { aborts, nothing_else };

    // Suspends until resume(); with attends::aborts also until the task is aborted.
    task<void> wait(attends what);
    void resume();

    bool waiting() const { return handler_.has_value(); }

    bool aborted() const { return aborted_; }

    const asio::any_io_executor& executor() const { return executor_; }

private:
    friend class suspended_tasks;
    using handler = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

    void start(handler&& resume_with, attends what);

    asio::any_io_executor executor_;
    std::optional<handler> handler_;
    suspended_tasks* owner_ = nullptr;
    suspension* previous_ = nullptr;
    suspension* next_ = nullptr;
    bool aborted_ = false;
};

// Whether the caller runs inside a turn of the executor's loop (not while the loop is being destroyed).
bool inside_loop(const asio::any_io_executor& executor);

} // namespace net::detail
