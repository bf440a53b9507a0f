#pragma once
// Watches delivery: tells the teardown of progress, and begins it where standard input would wait for a
// parked sink. Ends a session whose start the disk refused, whoever waits for it or does not any more.

#include "agent/service/capture_part.hpp"

namespace agent {

class watch_part final : public service_part {
public:
    watch_part(service_core& core, state_part& state, delivery_part& delivery, capture_part& captures)
        : core_(core)
        , state_(state)
        , delivery_(delivery)
        , captures_(captures) {}

    std::string_view name() const override { return "watching delivery"; }

    void start() override {
        core_.run(name(), [this] { return watch(); });
    }

private:
    net::task<> watch() {
        auto& sink = delivery_.sink();
        std::uint64_t acks = sink.ack_count();
        for (;;) {
            if (core_.has_input() && sink.parked())
                core_.stop.give(teardown_cause::parked);
            if (state_.sessions().start_failure())
                captures_.sessions().stop(end_reason::stopped);
            if (sink.ack_count() != acks) {
                acks = sink.ack_count();
                core_.stop.delivery_moved();
            }
            if (core_.in_process)
                core_.in_process->durable(sink.durable_seq());
            co_await sink.changed().wait();
        }
    }

    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    capture_part& captures_;
};

} // namespace agent
