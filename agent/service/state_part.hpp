#pragma once
// The state directory: lock, ring, tables, seq ceiling. All others stand on it.

#include "agent/service/core.hpp"
#include "agent/service/part.hpp"
#include "agent/state/directory.hpp"

#include <memory>

namespace agent {

class state_part final : public service_part {
public:
    explicit state_part(service_core& core)
        : core_(core) {}

    std::string_view name() const override { return "the state directory"; }

    net::task<std::optional<start_failure>> open() override;
    void start() override;

    std::optional<teardown_step> stops_in() const override { return teardown_step::close_ring; }

    // Synced, with its clean mark.
    net::task<> stop() override;

    bool opened() const { return state_ != nullptr; }

    ring& journal() const { return *state_->journal; }

    session_table& sessions() const { return *state_->sessions; }

    delivery_table& deliveries() const { return *state_->deliveries; }

    // What stands under the directory's name may be another agent's.
    bool lost() const { return state_dir_lost(core_.env, core_.configuration.state_dir); }

private:
    service_core& core_;
    std::unique_ptr<state_dir> state_;
};

} // namespace agent
