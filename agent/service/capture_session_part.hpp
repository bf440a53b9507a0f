#pragma once
// The capture session of this run: which one it is, when it may start, and its end.

#include "agent/service/capture_part.hpp"
#include "agent/service/history_part.hpp"
#include "agent/service/live_part.hpp"

namespace agent {

class capture_session_part final : public service_part {
public:
    capture_session_part(service_core& core, state_part& state, delivery_part& delivery, live_part& live,
                         history_part& past, capture_part& captures)
        : core_(core)
        , state_(state)
        , delivery_(delivery)
        , live_(live)
        , past_(past)
        , captures_(captures) {}

    std::string_view name() const override { return "the capture session"; }

    // Once all parts are open: resumes or starts it, or waits() for sessions that are to be delivered first.
    net::task<std::optional<start_failure>> begin();

    bool waits() const { return waits_.has_value(); }

    // Where it waits. Returns when it has begun, and else with the order to leave: what kept it from starting
    // was not delivered in time, or something else came.
    net::task<std::optional<start_failure>> begin_when_there_is_room();
    // Until its start is on disk or refused, or the order to leave. True: producers may come.
    net::task<bool> on_disk();
    std::optional<start_failure> refused_by_disk() const;

    std::optional<teardown_step> stops_in() const override { return teardown_step::end_session; }

    net::task<> stop() override;

private:
    net::task<> recall();
    std::optional<start_failure> choose();
    std::optional<start_failure> start_new();

    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    live_part& live_;
    history_part& past_;
    capture_part& captures_;
    std::optional<start_error> waits_; // why it can't start yet
};

} // namespace agent
