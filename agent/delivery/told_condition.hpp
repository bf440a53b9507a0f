#pragma once
// The condition of the whole sink, and who is told when it changes: the log, and with a system_durable_error
// envelope the live and file sinks. At most once a minute; the latest state is told when the minute is over.

#include "agent/delivery/continuations.hpp"
#include "agent/delivery/delivery_schedule.hpp"
#include "agent/delivery/news.hpp"

#include <memory>
#include <optional>

namespace agent {

// With the reason in words, of failing and parked.
struct reasoned_condition {
    delivery_condition condition = delivery_condition::idle;
    std::string reason;
};

class told_condition {
public:
    told_condition(net::environment& env, const session_table& sessions, const delivery_schedule& schedule,
                   const continuations& continued, const stream_placement& placement);

    reasoned_condition now() const;
    void look(); // something of it may have changed

private:
    delivery_picture picture() const;
    void tell(const news_item& item);

    net::environment& env_;
    const session_table& sessions_;
    const delivery_schedule& schedule_;
    const continuations& continued_;
    const stream_placement& placement_;
    delivery_news news_;
    std::optional<net::time_point> told_at_;
    std::unique_ptr<net::timer> later_;
};

} // namespace agent
