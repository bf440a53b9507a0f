#include "agent/service/state_part.hpp"

#include <spdlog/spdlog.h>

namespace agent {

net::task<std::optional<start_failure>> state_part::open() {
    auto opened = open_state_dir(core_.env, core_.configuration);
    if (const auto* failed = std::get_if<state_dir_error>(&opened))
        co_return start_failure{exit_code::unusable, failed->message};
    state_ = std::move(std::get<std::unique_ptr<state_dir>>(opened));
    if (state_->recovery.found && !state_->recovery.clean)
        spdlog::warn("the agent before this one did not stop in order: going on behind seq {}{}",
                     state_->journal->last_seq(),
                     state_->recovery.machine_crash ? " (the machine had crashed)" : "");
    co_return std::nullopt;
}

void state_part::start() {
    core_.run("the seq ceiling", [this] { return state_->ceiling->keep_ahead(core_.env, *state_->journal); });
}

// A clean mark of ours in another agent's directory would tell it that nothing is missing after a machine
// crash.
net::task<> state_part::stop() {
    if (lost())
        co_return;
    auto& state = *state_;
    const net::error_code failed = co_await net::on_helper(core_.env, [&state] {
        const net::error_code sessions = state.sessions->sync();
        const net::error_code deliveries = state.deliveries->sync();
        const net::error_code journal = state.journal->close_clean();
        return sessions ? sessions : deliveries ? deliveries : journal;
    });
    if (failed)
        spdlog::error("cannot write the state directory: {}", failed.message());
}

} // namespace agent
