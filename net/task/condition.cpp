#include "net/task/condition.hpp"

#include "net/assert.hpp"
#include "net/task/suspension.hpp"

#include <algorithm>
#include <utility>

namespace net {

// One task that waits, on one condition or on several. It ends exactly once: by the first notify, by its
// deadline, or by an abort.
class condition_waiter {
public:
    explicit condition_waiter(const detail::conditions_at_once& on)
        : on_(on)
        , suspension_(on.front()->env().executor()) {
        for (const auto* each : on_)
            if (each)
                each->waiters_.push_back(this);
    }

    ~condition_waiter() { leave(); }

    condition_waiter(const condition_waiter&) = delete;
    condition_waiter& operator=(const condition_waiter&) = delete;

    task<void> wait() { return suspension_.wait(detail::suspension::attends::aborts); }

    // This condition has let go of us.
    void forgotten(const condition& by) { std::replace(on_.begin(), on_.end(), &by, no_condition); }

    // All conditions forget us before we run again; they may be gone by then.
    void notified(const condition& by) {
        forgotten(by);
        leave();
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
    static constexpr const condition* no_condition = nullptr;

    void leave() {
        for (const auto*& each : on_)
            if (const auto* left = std::exchange(each, nullptr))
                if (const auto place = std::find(left->waiters_.begin(), left->waiters_.end(), this);
                    place != left->waiters_.end()) // those who are told leave in their order: the first
                    left->waiters_.erase(place);
    }

    detail::conditions_at_once on_;
    detail::suspension suspension_;
    bool timed_out_ = false;
};

condition::condition(environment& env)
    : env_(env) {}

condition::~condition() {
    for (auto* left : waiters_) {
        NET_ASSERT(!left->stranded(), "a condition must outlive its waiters");
        left->forgotten(*this);
    }
}

void condition::notify() {
    const auto woken = std::exchange(waiters_, {});
    for (auto* each : woken)
        each->notified(*this);
}

task<void> condition::wait() const {
    co_await wait_until(never);
}

task<bool> condition::wait_until(time_point deadline) const {
    return detail::wait_any({this}, deadline);
}

task<bool> detail::wait_any(conditions_at_once on, time_point deadline) {
    condition_waiter self(on);
    std::unique_ptr<timer> alarm;
    if (deadline != never) {
        alarm = on.front()->env().make_timer();
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
