#include "tests/sim/log_to_story.hpp"

#include "tests/sim/world.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace sim {
namespace {

world* telling = nullptr;

class story_sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (!telling)
            return;
        const std::string_view level = spdlog::level::to_short_c_str(message.level);
        telling->say(telling->running(), "[" + std::string(level) + "] " +
                                             std::string(message.payload.data(), message.payload.size()));
    }

    void flush_() override {}
};

} // namespace

void log_to_story() {
    auto logger = std::make_shared<spdlog::logger>("story", std::make_shared<story_sink>());
    logger->set_level(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
}

told_in::told_in(world& which)
    : before_(telling) {
    telling = &which;
}

told_in::~told_in() {
    telling = before_;
}

} // namespace sim
