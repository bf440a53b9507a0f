#include "agent/service/intake_part.hpp"

namespace agent {

net::task<std::optional<start_failure>> intake_part::open() {
    if (const auto& input = core_.configuration.input) {
        const bool standard = *input == "-";
        auto opened = standard ? core_.env.standard_input() : core_.env.open_input(*input);
        if (!opened)
            co_return start_failure{exit_code::failure, "cannot read " +
                                                            (standard ? "standard input" : *input) + ": " +
                                                            opened.error().message()};
        input_ = std::move(*opened);
    }
    if (const auto wanted = ndjson_address()) {
        auto tried = listen_on(core_, *wanted);
        if (auto* failed = std::get_if<start_failure>(&tried))
            co_return std::move(*failed);
    }
    co_return std::nullopt;
}

std::optional<wanted_address> intake_part::ndjson_address() const {
    const auto& path = core_.configuration.ndjson_unix_path;
    if (!path)
        return std::nullopt;
    return wanted_address{net::endpoint::unix_path(*path), "--ndjson-unix"};
}

std::optional<start_failure> intake_part::admit() {
    if (const auto wanted = ndjson_address()) {
        auto opened = listen_on(core_, *wanted);
        if (auto* failed = std::get_if<start_failure>(&opened))
            return std::move(*failed);
        auto places =
            std::make_shared<net::connection_places>(core_.env, core_.descriptors.ndjson_connections, 0);
        auto& listener = std::get<net::listeners>(opened).front();
        ndjson_ = std::make_unique<ndjson_listener>(core_.env, captures_.sessions(), state_.journal(),
                                                    core_.bodies, std::move(listener), std::move(places),
                                                    [this] { departure_.notify(); });
    }
    task_.start([this] { return take_events(); });
    return std::nullopt;
}

net::task<> intake_part::take_events() {
    co_await net::with_task_group(core_.env, [this](net::task_group& group) -> net::task<> {
        if (input_)
            group.spawn([this] { return read_input(); });
        if (core_.in_process)
            group.spawn([this] { return take_from_producer(); });
        if (ndjson_)
            group.spawn(ndjson_->serve(stop_));
        co_await group.join();
    });
}

net::task<> intake_part::read_input() {
    intake_options options;
    if (*core_.configuration.input != "-")
        options.name = *core_.configuration.input;
    ndjson_intake intake(core_.env, captures_.sessions(), state_.journal(), core_.bodies, *input_, stop_,
                         std::move(options));
    const intake_end end = co_await intake.run();
    input_ended(end);
}

net::task<> intake_part::take_from_producer() {
    const intake_end end = co_await core_.in_process->publish_all(captures_.sessions(), state_.journal(),
                                                                  delivery_.sink(), stop_);
    input_ended(end);
}

void intake_part::input_ended(intake_end how) {
    input_ended_ = true;
    core_.input_failed = how == intake_end::failed;
    core_.input_unread = how == intake_end::stopped;
    departure_.notify();
    if (how != intake_end::stopped)
        core_.stop.give(teardown_cause::end_of_input);
}

// After a signal only what another process ends counts: a file has no last words.
bool intake_part::input_may_come() const {
    if (task_.ended() || !core_.stop.state().reads_to_the_end())
        return !task_.ended();
    const bool from_input = !input_ended_ && input_ && input_->has_writer();
    return from_input || (ndjson_ && ndjson_->connections() > 0);
}

net::task<> intake_part::stop() {
    const auto& teardown = core_.stop.state();
    while (input_may_come() && core_.env.now() < teardown.input_deadline())
        co_await net::wait_any_until(teardown.input_deadline(), core_.stop.changed(), departure_,
                                     task_.ended_now());
    stop_.drain(core_.env.now());
    co_await task_.wait_for_end(net::saturating_add(core_.env.now(), grace()));
}

} // namespace agent
