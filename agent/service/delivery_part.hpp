#pragma once
// Delivery to S2, and who hears what it has to announce.

#include "agent/delivery/s2_sink.hpp"
#include "agent/service/client_part.hpp"
#include "agent/service/state_part.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace agent {

class delivery_part final : public service_part {
public:
    delivery_part(service_core& core, state_part& state, client_part& client)
        : core_(core)
        , state_(state)
        , client_(client)
        , task_(core, name()) {}

    ~delivery_part() override {
        if (sink_)
            state_.journal().set_retention(nullptr);
    }

    std::string_view name() const override { return "delivery"; }

    net::task<std::optional<start_failure>> open() override {
        s2_sink_options options{client_.at(), core_.configuration.s2.stream_template,
                                core_.configuration.delivery};
        sink_ = std::make_unique<s2_sink>(core_.env, state_.journal(), state_.sessions(), state_.deliveries(),
                                          client_.client(), std::move(options),
                                          [this](const std::string& line) { announce(line); });
        state_.journal().set_retention(sink_.get());
        sink_->recover();
        co_return std::nullopt;
    }

    void start() override {
        all_hear_ = true;
        for (const auto& envelope : std::exchange(early_, {}))
            announce(envelope);
        task_.start([this] { return sink_->run(); });
    }

    std::optional<teardown_step> stops_in() const override { return teardown_step::close_ring; }

    // What it still has to send has had its time (flush_part).
    net::task<> stop() override { co_await task_.wait_for_end(core_.env.now()); }

    s2_sink& sink() const { return *sink_; }

    const part_task& task() const { return task_; }

    void on_announcement(std::function<void(const std::string&)> hears) {
        hearers_.push_back(std::move(hears));
    }

private:
    void announce(const std::string& envelope) {
        if (!all_hear_)
            early_.push_back(envelope);
        else
            for (const auto& hears : hearers_)
                hears(envelope);
    }

    service_core& core_;
    state_part& state_;
    client_part& client_;
    std::vector<std::function<void(const std::string&)>> hearers_;
    std::vector<std::string> early_; // announced while others were still opened
    bool all_hear_ = false;
    std::unique_ptr<s2_sink> sink_;
    part_task task_;
};

} // namespace agent
