#pragma once
// The last delivery, before the account is settled.

#include "agent/service/account.hpp"
#include "agent/service/part.hpp"

namespace agent {

class flush_part final : public service_part {
public:
    flush_part(service_core& core, state_part& state, delivery_part& delivery, agent_account& settling,
               std::function<void()> lasts)
        : core_(core)
        , state_(state)
        , delivery_(delivery)
        , account_(settling)
        , lasts_(std::move(lasts)) {}

    std::string_view name() const override { return "the last delivery"; }

    std::optional<teardown_step> stops_in() const override { return teardown_step::deliver; }

    net::task<> stop() override {
        co_await net::with_task_group(core_.env, [this](net::task_group& group) -> net::task<> {
            group.spawn(state_.journal().sync_ahead());
            co_await deliver_rest();
            co_await group.join();
        });
        account_.settle();
    }

private:
    // Ends the linger, sends, waits for the acks: until nothing is owed that can move, or the deadline, which
    // may move while it waits.
    net::task<> deliver_rest() {
        auto& sink = delivery_.sink();
        const auto& teardown = core_.stop.state();
        sink.drain();
        const auto retries_until = net::saturating_add(core_.env.now(), parked_retry_grace);
        while (!delivery_.task().ended() && sink.ends_by_itself(retries_until) &&
               core_.env.now() < teardown.deadline()) {
            auto until = teardown.deadline();
            if (core_.env.now() < retries_until)
                until = std::min(until, retries_until);
            if (teardown.cause() == teardown_cause::end_of_input)
                lasts_();
            co_await net::wait_any_until(until, core_.stop.changed(), sink.changed(),
                                         delivery_.task().ended_now());
        }
    }

    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    agent_account& account_;
    std::function<void()> lasts_; // it waits on, for as long as another timeout
};

} // namespace agent
