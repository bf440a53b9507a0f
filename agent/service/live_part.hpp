#pragma once
// The live sink. It ends with the capture session (capture_session_part).

#include "agent/service/delivery_part.hpp"
#include "agent/sinks/live_sink.hpp"

#include <memory>

namespace agent {

class live_part final : public service_part {
public:
    live_part(service_core& core, state_part& state, delivery_part& delivery)
        : core_(core)
        , state_(state)
        , delivery_(delivery) {}

    std::string_view name() const override { return "the live sink"; }

    net::task<std::optional<start_failure>> open() override {
        sink_ = std::make_unique<live_sink>(core_.env, state_.journal(), state_.sessions(),
                                            core_.configuration.sse_clients);
        delivery_.on_announcement([this](const std::string& envelope) { sink_->announce(envelope); });
        co_return std::nullopt;
    }

    live_sink& sink() const { return *sink_; }

private:
    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    std::unique_ptr<live_sink> sink_;
};

} // namespace agent
