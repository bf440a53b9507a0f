#include "agent/intake/refusal_log.hpp"

#include <spdlog/spdlog.h>

namespace agent {

void refusal_log::refused(net::time_point now, std::uint64_t line, std::string_view code,
                          std::string_view message) {
    if (now < next_) {
        ++left_out_;
        return;
    }
    next_ = net::saturating_add(now, refusal_log_every);
    if (left_out_ == 0)
        spdlog::warn("{}: line {} refused: {} ({})", intake_, line, message, code);
    else
        spdlog::warn("{}: line {} refused: {} ({}); {} more since the last message", intake_, line, message,
                     code, left_out_);
    left_out_ = 0;
}

void refusal_log::ended() {
    if (left_out_ > 0)
        spdlog::warn("{}: {} more lines refused", intake_, left_out_);
    left_out_ = 0;
}

} // namespace agent
