#pragma once
// The capture session's machinery over what an earlier agent left, and whether there is room beside that.

#include "agent/service/delivery_part.hpp"

#include <memory>

namespace agent {

class capture_part final : public service_part {
public:
    capture_part(service_core& core, state_part& state, delivery_part& delivery)
        : core_(core)
        , state_(state)
        , delivery_(delivery) {}

    std::string_view name() const override { return "the capture"; }

    net::task<std::optional<start_failure>> open() override {
        auto& sink = delivery_.sink();
        capture_ = std::make_unique<capture>(core_.env, state_.journal(), state_.sessions(), sink);
        co_return room_beside_held();
    }

    capture& sessions() const { return *capture_; }

private:
    // What only another place can take would starve an intake that waits for room.
    std::optional<start_failure> room_beside_held() const {
        auto& sink = delivery_.sink();
        if (!core_.has_input() || sink.held_bytes() * 2 <= core_.configuration.ring_capacity)
            return std::nullopt;
        std::string where;
        for (const auto& stream : sink.status().streams)
            if (stream.state == stream_state::held && where.find(stream.at.text()) == std::string::npos)
                where += (where.empty() ? "" : ", ") + stream.at.text();
        return start_failure{exit_code::undelivered,
                             "most of the ring is held for " + where +
                                 ", which this configuration can't deliver to: run once with that place "
                                 "configured, or use another --state-dir"};
    }

    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    std::unique_ptr<capture> capture_;
};

} // namespace agent
