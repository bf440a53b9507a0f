#pragma once
// The file sink, where --files names a directory.

#include "agent/service/delivery_part.hpp"
#include "agent/sinks/file_sink.hpp"

#include <memory>

namespace agent {

class files_part final : public service_part {
public:
    files_part(service_core& core, state_part& state, delivery_part& delivery)
        : core_(core)
        , state_(state)
        , delivery_(delivery)
        , task_(core, name()) {}

    std::string_view name() const override { return "the file sink"; }

    net::task<std::optional<start_failure>> open() override {
        const auto& dir = core_.configuration.files;
        if (dir.empty())
            co_return std::nullopt;
        if (const net::error_code failed = core_.env.files().create_directories(dir, 0700))
            co_return start_failure{exit_code::unusable,
                                    "cannot create --files " + dir.string() + ": " + failed.message()};
        auto opened = file_sink::open(core_.env, state_.journal(), state_.sessions(), dir);
        if (!opened)
            co_return start_failure{exit_code::unusable,
                                    "cannot use --files " + dir.string() + ": " + opened.error().message()};
        sink_ = std::move(*opened);
        delivery_.on_announcement([this](const std::string& envelope) { sink_->announce(envelope); });
        co_return std::nullopt;
    }

    void start() override {
        if (sink_)
            task_.start([this] { return sink_->run(); });
    }

    void reload() override {
        if (sink_)
            sink_->reopen();
    }

    std::optional<teardown_step> stops_in() const override { return teardown_step::close_files; }

    net::duration grace() const override { return close_grace; }

    net::task<> stop() override {
        if (!sink_)
            co_return;
        sink_->end();
        co_await task_.wait_for_end(net::saturating_add(core_.env.now(), grace()));
    }

private:
    service_core& core_;
    state_part& state_;
    delivery_part& delivery_;
    std::unique_ptr<file_sink> sink_;
    part_task task_;
};

} // namespace agent
