#pragma once
// What comes in: standard input or a file, the NDJSON socket, or a producer of this process.

#include "agent/intake/ndjson_listener.hpp"
#include "agent/service/capture_part.hpp"
#include "agent/service/listening.hpp"
#include "agent/service/part_task.hpp"

#include <memory>

namespace agent {

class intake_part final : public service_part {
public:
    intake_part(service_core& core, state_part& state, delivery_part& delivery, capture_part& captures)
        : core_(core)
        , state_(state)
        , delivery_(delivery)
        , captures_(captures)
        , stop_(core.env)
        , departure_(core.env)
        , task_(core, name()) {}

    std::string_view name() const override { return "the intake"; }

    // Opens the input; the socket's address is tried out and let go.
    net::task<std::optional<start_failure>> open() override;
    std::optional<start_failure> admit() override;

    std::optional<teardown_step> stops_in() const override { return teardown_step::stop_intake; }

    net::duration grace() const override { return close_grace; }

    net::task<> stop() override;

private:
    std::optional<wanted_address> ndjson_address() const;
    net::task<> take_events();
    net::task<> read_input();
    net::task<> take_from_producer();
    void input_ended(intake_end how);
    bool input_may_come() const;

    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    capture_part& captures_;
    net::stop_source stop_;
    std::unique_ptr<net::stream> input_;
    std::unique_ptr<ndjson_listener> ndjson_;
    net::condition departure_; // the input has ended, or a connection has
    bool input_ended_ = false;
    part_task task_;
};

} // namespace agent
