#pragma once
// Says refused lines in the log without letting a producer flood it: at most one message per
// refusal_log_every, which tells how many were left out; the rest is told at the end.

#include "net/clock.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace agent {

constexpr net::duration refusal_log_every = std::chrono::seconds(1);

class refusal_log {
public:
    explicit refusal_log(std::string intake)
        : intake_(std::move(intake)) {}

    void refused(net::time_point now, std::uint64_t line, std::string_view code, std::string_view message);
    void ended();

private:
    std::string intake_;
    net::time_point next_{};
    std::uint64_t left_out_ = 0;
};

} // namespace agent
