#pragma once
// A read that outlives its connections: it resumes behind the last record, and retries what a retry can cure.
// One task uses it. What it decides stands in read_session_state.hpp.

#include "net/retry.hpp"
#include "s2/client.hpp"
#include "s2/read_session_state.hpp"

namespace s2 {

struct read_session_options {
    net::duration connect_timeout = std::chrono::seconds(3); // until the request's head is out
    net::duration answer_timeout = std::chrono::seconds(5);  // from there to the response's head
    // Nothing: failures that a retry can cure are retried without end. Else the last one is given when none
    // of the tries for this long has succeeded.
    std::optional<net::duration> give_up_after;
};

class read_session {
public:
    read_session(client& from, std::string stream, read_start start, read_limits limits,
                 read_session_options options = {});
    ~read_session(); // resets the request where one is open

    // The next batch with at least one record, or (while following) one without records and with a new tail.
    // Nothing: a bounded read is complete. An error is final. A deadline that passes gives timed_out and
    // leaves the session usable.
    net::task<result<std::optional<read_batch>>> next(net::time_point deadline = net::never);

    const std::optional<stream_position>& tail() const { return state_.tail(); }

    const std::optional<std::uint64_t>& position() const { return state_.position(); }

    bool caught_up() const { return state_.caught_up(); }

    std::uint32_t reconnects() const { return reconnects_; }

private:
    net::task<read_session_state::step> connect(net::time_point deadline);
    net::task<read_session_state::step> await_head(net::time_point until);
    net::task<read_session_state::step> receive(read_batch& into, net::time_point deadline);
    void reconnect_later();
    void disconnect() noexcept;
    void end(std::optional<error> why);

    client& from_;
    std::string stream_;
    read_session_options options_;
    read_session_state state_;
    net::retry retry_;
    open_exchange opened_;
    frame_decoder decoder_;
    frame frame_;
    std::vector<char> in_;
    net::time_point heard_at_{};
    std::optional<net::time_point> failing_since_;
    std::optional<net::time_point> retry_at_;
    std::uint32_t reconnects_ = 0;
    bool ended_ = false;
    std::optional<error> final_;
};

} // namespace s2
