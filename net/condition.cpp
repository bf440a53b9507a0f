#include "net/condition.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <optional>

namespace net {
namespace detail {

// One suspended task. It ends exactly once: by notify, by its deadline, or by cancellation.
class waiter {
public:
    waiter(condition& on)
        : on_(on) {}

    ~waiter() { leave(); }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    bool timed_out = false;

    template <class Handler>
    void suspend(Handler&& handler) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto shared = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler));
        resume_ = [shared](error_code ec) mutable { std::move (*shared)(ec); };
        on_.waiters_.push_back(this);
        if (slot.is_connected()) {
            slot_ = slot;
            slot.assign([this](asio::cancellation_type) { finish(asio::error::operation_aborted); });
        }
    }

    // Resumption goes through the executor: who notifies must not run the waiter's code in the middle of its own.
    void finish(error_code ec) {
        if (!resume_)
            return;
        leave();
        auto resume = std::move(resume_);
        resume_ = nullptr;
        if (slot_) {
            slot_->clear();
            slot_.reset();
        }
        asio::post(on_.env_.executor(), [resume = std::move(resume), ec]() mutable { resume(ec); });
    }

private:
    void leave() {
        auto& all = on_.waiters_;
        all.erase(std::remove(all.begin(), all.end(), this), all.end());
    }

    condition& on_;
    std::function<void(error_code)> resume_;
    std::optional<asio::cancellation_slot> slot_;
};

} // namespace detail

condition::condition(environment& env)
    : env_(env) {}

condition::~condition() = default;

void condition::notify() {
    auto woken = std::move(waiters_);
    waiters_.clear();
    for (auto* one : woken)
        one->finish({});
}

task<error_code> condition::park(detail::waiter& self) {
    error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await asio::async_initiate<decltype(token), void(error_code)>(
        [&self](auto&& handler) { self.suspend(std::forward<decltype(handler)>(handler)); }, token);
    co_return ec;
}

task<void> condition::wait() {
    co_await wait_until(never);
}

task<bool> condition::wait_until(time_point deadline) {
    detail::waiter self(*this);
    std::unique_ptr<timer> alarm;
    if (deadline != never) {
        alarm = env_.make_timer();
        alarm->start(deadline, [&self] {
            self.timed_out = true;
            self.finish({});
        });
    }
    const error_code ec = co_await park(self);
    if (ec)
        throw boost::system::system_error(ec);
    co_return !self.timed_out;
}

task<void> sleep_until(environment& env, time_point deadline) {
    condition silent(env);
    while (co_await silent.wait_until(deadline)) {
    }
}

} // namespace net
