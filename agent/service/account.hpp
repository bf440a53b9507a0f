#pragma once
// What an agent says of itself: status, report, the last line.

#include "agent/delivery/report.hpp"
#include "agent/service/capture_part.hpp"

#include <optional>
#include <string>
#include <vector>

namespace agent {

// To where --report says, if anywhere.
net::task<> write_report_file(const service_core& core, const report& account);

class agent_account {
public:
    agent_account(service_core& core, state_part& state, delivery_part& delivery, capture_part& captures)
        : core_(core)
        , state_(state)
        , delivery_(delivery)
        , captures_(captures) {}

    void listening_on(std::string address) { addresses_.push_back(std::move(address)); }

    // As it stands; once it is settled, that.
    report now() const;
    // Delivery has ended.
    void settle();

    const std::optional<report>& settled() const { return settled_; }

    void say_what_is_left() const;
    net::task<> write_status_file() const;

private:
    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    capture_part& captures_;
    std::vector<std::string> addresses_; // where the API is
    std::optional<report> settled_;
};

} // namespace agent
