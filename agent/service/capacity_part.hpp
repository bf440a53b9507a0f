#pragma once
// Keeps the embedded store within --store-capacity.

#include "agent/service/history_part.hpp"

namespace agent {

class capacity_part final : public service_part {
public:
    capacity_part(service_core& core, state_part& state, store_part& store, delivery_part& delivery,
                  history_part& past)
        : core_(core)
        , state_(state)
        , store_(store)
        , delivery_(delivery)
        , past_(past)
        , task_(core, name()) {}

    std::string_view name() const override { return "the store's capacity"; }

    void start() override {
        if (store_.store())
            task_.start([this] { return keep_store_small(); });
    }

    std::optional<teardown_step> stops_in() const override { return teardown_step::close_ring; }

    net::task<> stop() override { co_await task_.wait_for_end(core_.env.now()); }

private:
    static constexpr std::uint64_t check_acks = 256; // after so many it is looked at again

    net::task<> keep_store_small() {
        auto& sink = delivery_.sink();
        for (;;) {
            const std::uint64_t acks = sink.ack_count();
            auto may_go = [&sink](const session_record& session) { return !sink.owes(session); };
            for (bool again = true; again;)
                again = co_await store_.store()->keep_within(core_.configuration.store_capacity,
                                                             state_.sessions(), past_.past(), may_go);
            while (sink.ack_count() < acks + check_acks)
                co_await sink.changed().wait();
        }
    }

    service_core& core_;
    state_part& state_;
    store_part& store_;
    delivery_part& delivery_;
    history_part& past_;
    part_task task_;
};

} // namespace agent
