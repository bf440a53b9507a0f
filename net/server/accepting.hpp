#pragma once
// Accepting connections: one rule for every error that accept(2) can give. No error ends the listening; only
// closing the listener, or the stop, does.

#include "net/environment.hpp"
#include "net/report.hpp"
#include "net/task/stop_token.hpp"

#include <chrono>
#include <memory>

namespace net {

enum class accept_trouble {
    passing,  // it concerns one connection, which is gone: the next one may be waiting
    shortage, // descriptors or memory: the connection waits in the backlog until there are some again
    other,    // whatever else: the listener may heal, or not
};

accept_trouble classify_accept(const error_code& ec) noexcept;

constexpr duration accept_shortage_wait = std::chrono::milliseconds(100);
constexpr duration accept_first_wait =
    std::chrono::seconds(1); // after an error of the other kind; then twice it
constexpr duration accept_longest_wait = std::chrono::seconds(10);
constexpr int accept_passing_max = 64; // one after the other, until they count as the other kind

// What to do after an error. A plain struct.
class accept_policy {
public:
    struct verdict {
        duration wait = duration::zero(); // before the next try
        bool tell = false;                // the log does not know of this error yet

        bool operator==(const verdict&) const = default;
    };

    verdict failed(const error_code& ec);
    // True: the log knew of an error, and may know that it is over.
    bool accepted();

private:
    error_code told_;
    duration next_wait_ = accept_first_wait;
    int passing_ = 0;
};

class accepting {
public:
    // `report` hears of an error of the other kind once, and once that it is over.
    accepting(environment& env, listener& from, report_function report);

    // The next connection; nothing once the stop has begun or the listener is closed.
    task<std::unique_ptr<stream>> next(stop_token stop);

private:
    task<result<std::unique_ptr<stream>>> accept();

    environment& env_;
    listener& from_;
    report_function report_;
    accept_policy policy_;
};

} // namespace net
