#include "net/task/condition.hpp"

#include "net/assert.hpp"
#include "net/task/suspension.hpp"

#include <utility>

namespace net {

// One task that waits. It ends exactly once: by notify, by its deadline, or by an abort.
class condition::waiter {
public:
    explicit waiter(condition& on)
        : on_(&on)
        , suspension_(on.env_.executor()) {
        on.waiters_.push_back(this);
    }

    ~waiter() {
        if (on_)
            std::erase(on_->waiters_, this);
    }

    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    task<void> wait() { return suspension_.wait(detail::suspension::attends::aborts); }

    // The condition forgets us before we run again; it may be gone by then.
    void forgotten() { on_ = nullptr; }

    void notified() {
        forgotten();
        suspension_.resume();
    }

    void expired() {
        if (!suspension_.waiting())
            return;
        timed_out_ = true;
        suspension_.resume();
    }

    // Still suspended while the loop runs (when the loop is being destroyed, the order is anybody's guess).
    bool stranded() const { return suspension_.waiting() && detail::inside_loop(suspension_.executor()); }

    bool aborted() const { return suspension_.aborted(); }

    bool timed_out() const { return timed_out_; }

private:
    condition* on_;
    detail::suspension suspension_;
    bool timed_out_ = false;
};

condition::condition(environment& env)
    : env_(env) {}

condition::~condition() {
    for (auto* left : waiters_) {
        NET_ASSERT(!left->stranded(), "a condition must outlive its waiters");
        left->forgotten();
    }
}

void condition::notify() {
    const auto woken = std::exchange(waiters_, {});
    for (auto* one : woken)
        one->notified();
}

task<void> condition::wait() {
    co_await wait_until(never);
}

task<bool> condition::wait_until(time_point deadline) {
    waiter self(*this);
    std::unique_ptr<timer> alarm;
    if (deadline != never) {
        alarm = env_.make_timer();
        alarm->start(deadline, [&self] { self.expired(); });
    }
    co_await self.wait();
    if (self.aborted())
        throw boost::system::system_error(asio::error::operation_aborted);
    co_return !self.timed_out();
}

task<void> sleep_until(environment& env, time_point deadline) {
    condition silent(env);
    while (co_await silent.wait_until(deadline)) {
    }
}

} // namespace net
