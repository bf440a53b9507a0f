#include "agent/log.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>

namespace agent {
namespace {

constexpr const char* text_pattern = "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v";

// The message as a JSON string; %v alone would break the line at the first quote.
class json_message final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        const std::string_view text(message.payload.data(), message.payload.size());
        const std::string quoted = boost::json::serialize(boost::json::string(text));
        out.append(quoted.data(), quoted.data() + quoted.size());
    }

    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<json_message>(); }
};

} // namespace

void init_log(std::string_view level, log_format format) {
    auto logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_st>());
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    if (format == log_format::json) {
        formatter->add_flag<json_message>('*');
        formatter->set_pattern(R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
    } else {
        formatter->set_pattern(text_pattern);
    }
    logger->set_formatter(std::move(formatter));
    logger->set_level(spdlog::level::from_str(std::string(level)));
    logger->flush_on(spdlog::level::trace); // lines of a process that is about to die matter most
    spdlog::set_default_logger(std::move(logger));
}

std::optional<std::uint64_t> repeat_filter::pass(std::string_view key, net::time_point now,
                                                 net::duration interval) {
    if (const auto found = seen_.find(key); found != seen_.end()) {
        seen& known = found->second;
        if (now < net::saturating_add(known.passed, interval)) {
            ++known.held;
            return std::nullopt;
        }
        known.passed = now;
        return std::exchange(known.held, 0);
    }
    if (seen_.size() >= keys_max) {
        seen_.erase(std::min_element(seen_.begin(), seen_.end(), [](const auto& a, const auto& b) {
            return a.second.passed < b.second.passed;
        }));
    }
    seen_.emplace(std::string(key), seen{now, 0});
    return 0;
}

} // namespace agent
