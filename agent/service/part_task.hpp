#pragma once
// The task of a part that others wait for: when it has ended, and how it is made to.

#include "agent/service/core.hpp"

#include <functional>
#include <string_view>

namespace agent {

class part_task {
public:
    part_task(service_core& core, std::string_view name)
        : core_(core)
        , name_(name)
        , ended_now_(core.env) {}

    // Once. A failure of the body is the agent's (service_core::fail).
    void start(std::function<net::task<>()> body);

    bool ended() const { return !running_; } // or never started

    const net::condition& ended_now() const { return ended_now_; } // it has ended

    // What can't end by itself in time is aborted; then it does end.
    net::task<> wait_for_end(net::time_point deadline);

private:
    net::task<> run(std::function<net::task<>()> body);

    service_core& core_;
    std::string_view name_;
    net::task_group* group_ = nullptr; // once it has begun
    bool running_ = false;
    net::condition ended_now_;
};

} // namespace agent
