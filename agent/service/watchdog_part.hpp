#pragma once
// Tells the service manager that the loop still turns.

#include "agent/service/core.hpp"
#include "agent/service/part.hpp"

namespace agent {

class watchdog_part final : public service_part {
public:
    explicit watchdog_part(service_core& core)
        : core_(core) {}

    std::string_view name() const override { return "the watchdog"; }

    void start() override {
        if (core_.configuration.watchdog)
            core_.run(name(), [this] { return feed(*core_.configuration.watchdog / 2); });
    }

private:
    net::task<> feed(net::duration every) {
        for (;;) {
            if (core_.ready) // the first one arms it, and a start may take longer
                core_.env.notify_supervisor("WATCHDOG=1");
            co_await net::sleep_until(core_.env, net::saturating_add(core_.env.now(), every));
        }
    }

    service_core& core_;
};

} // namespace agent
