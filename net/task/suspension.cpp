#include "net/task/suspension.hpp"

#include "net/assert.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <utility>

namespace net::detail {

// A suspended frame owns its suspension, which owns the handler, which owns the frame: a circle that only the
// loop's end can break. So the loop knows all of them.
class suspended_tasks final : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit suspended_tasks(asio::execution_context& context)
        : asio::execution_context::service(context) {}

    void shutdown() override {
        while (first_) {
            suspension& one = *first_;
            remove(one);
            auto handler = std::exchange(one.handler_, std::nullopt);
        } // the handler's end destroys the frame, through the executor
    }

    void add(suspension& one) {
        one.owner_ = this;
        one.next_ = first_;
        if (first_)
            first_->previous_ = &one;
        first_ = &one;
    }

    void remove(suspension& one) {
        (one.previous_ ? one.previous_->next_ : first_) = one.next_;
        if (one.next_)
            one.next_->previous_ = one.previous_;
        one.previous_ = one.next_ = nullptr;
        one.owner_ = nullptr;
    }

private:
    suspension* first_ = nullptr;
};

suspension::suspension(asio::any_io_executor executor)
    : executor_(std::move(executor)) {}

suspension::~suspension() {
    if (owner_)
        owner_->remove(*this);
}

void suspension::start(handler&& resume_with, attends what) {
    NET_ASSERT(!handler_, "a suspension suspends one task");
    auto& context = asio::query(executor_, asio::execution::context);
    asio::use_service<suspended_tasks>(context).add(*this);
    handler_.emplace(std::move(resume_with));
    if (what != attends::aborts)
        return;
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected())
        slot.assign([this](asio::cancellation_type) {
            if (!waiting())
                return;
            aborted_ = true;
            resume();
        });
}

void suspension::resume() {
    if (!handler_)
        return;
    if (owner_)
        owner_->remove(*this);
    auto ready = std::move(*handler_);
    handler_.reset();
    asio::post(executor_, std::move(ready));
}

task<void> suspension::wait(attends what) {
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this, what](handler&& resume_with) { start(std::move(resume_with), what); }, asio::use_awaitable);
}

bool inside_loop(const asio::any_io_executor& executor) {
    const auto* loop = executor.target<asio::io_context::executor_type>();
    return loop && loop->running_in_this_thread();
}

} // namespace net::detail
