#pragma once
// One part of an agent. An agent is a list of parts (part_list.hpp): each call below is made in the list's
// order, stop() and finish() in the reverse one, and so are they destroyed. A part may refer to those before
// it.

#include "agent/config/exit_code.hpp"
#include "agent/service/teardown.hpp"
#include "net/environment.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace agent {

// Why the agent does not start: what, where and what to do.
struct start_failure {
    exit_code exit;
    std::string why;
};

class service_part {
public:
    service_part() = default;
    service_part(const service_part&) = delete;
    service_part& operator=(const service_part&) = delete;
    virtual ~service_part() = default;

    virtual std::string_view name() const = 0;

    // Takes what it needs. What can't be had is said before a session begins.
    virtual net::task<std::optional<start_failure>> open() { co_return std::nullopt; }

    // Its tasks begin. The session that this run is for has been chosen.
    virtual void start() {}

    // The session's start is on disk: what comes from outside is taken from now on.
    virtual std::optional<start_failure> admit() { return std::nullopt; }

    // What others keep for us may have been replaced. Between admission and the teardown.
    virtual void reload() {}

    // Which of the teardown's steps stops it: none earlier than that of a part behind it. Nothing: it has
    // nothing to stop, and ends when all others have.
    virtual std::optional<teardown_step> stops_in() const { return std::nullopt; }

    // How long stop() waits for what can't end by itself, before that is aborted; zero: it does not wait.
    virtual net::duration grace() const { return net::duration::zero(); }

    // Returns when it has stopped, but for answers that are under way.
    virtual net::task<> stop() { co_return; }

    // No task of any part runs any more, however far the agent came.
    virtual net::task<> finish() { co_return; }
};

} // namespace agent
