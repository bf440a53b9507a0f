#pragma once
// The parts of an agent, in order. A new part is a file of its own and one line in the constructor.

#include "agent/service/account.hpp"
#include "agent/service/capture_session_part.hpp"
#include "agent/service/part.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace agent {

class part_list {
public:
    part_list(service_core& core, history_setup past);
    ~part_list(); // in reverse

    // In order; the first that can't says why.
    net::task<std::optional<start_failure>> open();
    void start();
    std::optional<start_failure> admit();
    void reload();
    // In reverse. Those that stop in this step of the teardown.
    net::task<> stop(teardown_step step);
    net::task<> finish();

    state_part& state() { return *state_; }

    capture_session_part& session() { return *session_; }

    agent_account& account() { return *account_; }

    // The service manager must not kill what is about to leave by itself.
    void extend_stop_timeout() const;

private:
    template <class Part, class... Arguments>
    Part& add(Arguments&&... arguments) {
        auto made = std::make_unique<Part>(std::forward<Arguments>(arguments)...);
        auto& part = *made;
        parts_.push_back(std::move(made));
        return part;
    }

    service_core& core_;
    std::unique_ptr<agent_account> account_;
    std::vector<std::unique_ptr<service_part>> parts_;
    state_part* state_ = nullptr;
    capture_session_part* session_ = nullptr;
};

} // namespace agent
