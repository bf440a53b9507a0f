#pragma once
// An earlier agent's counts, completed from the ring. Where a shortage keeps part of it from being read, they
// are completed when they are asked for.

#include "agent/delivery/s2_sink.hpp"
#include "agent/session/capture.hpp"

namespace agent {

class recounting {
public:
    recounting(net::environment& env, capture& sessions, s2_sink& sink)
        : env_(env)
        , capture_(sessions)
        , sink_(sink) {}

    void recount() {
        if (done_)
            return;
        const bool published = capture_.recount();
        const bool durable = sink_.recount_durable();
        done_ = published && durable;
    }

    // A segment that goes uncounted can't be counted any more. Each try reads the ring, so not with each ack.
    void recount_now_and_then() {
        if (done_ || env_.now() < again_at_)
            return;
        again_at_ = net::saturating_add(env_.now(), again_every);
        recount();
    }

private:
    static constexpr net::duration again_every = std::chrono::seconds(1);

    net::environment& env_;
    capture& capture_;
    s2_sink& sink_;
    bool done_ = false; // the sessions' counts are those of the whole ring
    net::time_point again_at_ = net::time_point::min();
};

} // namespace agent
