#pragma once
// The embedded store, where the configuration names no basin.

#include "agent/delivery/embedded_store.hpp"
#include "agent/service/part.hpp"
#include "agent/service/part_task.hpp"

#include <memory>

namespace agent {

class store_part final : public service_part {
public:
    explicit store_part(service_core& core)
        : core_(core)
        , task_(core, name()) {}

    std::string_view name() const override { return "the embedded store"; }

    net::task<std::optional<start_failure>> open() override {
        if (!core_.configuration.s2.basin.empty())
            co_return std::nullopt;
        auto opened = embedded_store::open(core_.env, core_.configuration.state_dir);
        if (const auto* failed = std::get_if<std::string>(&opened))
            co_return start_failure{exit_code::unusable, *failed};
        store_ = std::move(std::get<std::unique_ptr<embedded_store>>(opened));
        task_.start([this] { return store_->run(); });
        const auto failed = co_await store_->prepare();
        if (failed)
            co_return start_failure{exit_code::unusable, *failed};
        co_return std::nullopt;
    }

    std::optional<teardown_step> stops_in() const override { return teardown_step::close_ring; }

    net::duration grace() const override { return close_grace; }

    net::task<> stop() override {
        if (!store_)
            co_return;
        store_->close();
        co_await task_.wait_for_end(net::saturating_add(core_.env.now(), grace()));
    }

    embedded_store* store() const { return store_.get(); } // none: S2 is elsewhere

private:
    service_core& core_;
    std::unique_ptr<embedded_store> store_;
    part_task task_;
};

} // namespace agent
