#pragma once
// The history of sessions.

#include "agent/delivery/history.hpp"
#include "agent/service/delivery_part.hpp"

#include <memory>
#include <optional>
#include <string>

namespace agent {

class history_part final : public service_part {
public:
    history_part(service_core& core, state_part& state, delivery_part& delivery, history_setup setup)
        : core_(core)
        , state_(state)
        , delivery_(delivery)
        , setup_(std::move(setup))
        , task_(core, name()) {}

    std::string_view name() const override { return "the history"; }

    net::task<std::optional<start_failure>> open() override {
        setup_.directory_lost = [this] { return state_.lost(); };
        history_ = std::make_unique<history>(core_.env, core_.configuration.state_dir, state_.sessions(),
                                             state_.deliveries(), delivery_.sink(), std::move(setup_));
        co_return std::nullopt;
    }

    void start() override {
        task_.start([this] { return history_->run(); });
    }

    std::optional<teardown_step> stops_in() const override { return teardown_step::close_ring; }

    net::task<> stop() override {
        co_await task_.wait_for_end(core_.env.now()); // who moves on opens it again
        co_await history_->close();
    }

    history& past() const { return *history_; }

private:
    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    history_setup setup_;
    std::unique_ptr<history> history_;
    part_task task_;
};

} // namespace agent
