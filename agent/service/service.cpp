#include "agent/service/service.hpp"

#include <spdlog/spdlog.h>

#include <unistd.h>

namespace agent {

service::service(net::environment& env, const config& configuration, producer* in_process, history_setup past)
    : core_(env, configuration, in_process)
    , history_setup_(std::move(past)) {}

service::~service() = default;

void service::on_signal() {
    core_.stop.give(teardown_cause::signal);
    if (core_.stop.state().cut_short())
        spdlog::warn("second signal: leaving without waiting for S2");
}

void service::reload() {
    if (!core_.ready || !parts_ || core_.stop.given())
        return; // it is all read afresh at the start, and not needed any more at the end
    spdlog::info("reading tokens and certificates again, opening the files of --files anew");
    parts_->reload();
}

const session_record* service::last_session() const {
    if (parts_)
        return parts_->state().opened() ? parts_->state().sessions().latest() : nullptr;
    return last_session_ ? &*last_session_ : nullptr;
}

bool service::give_up(const std::optional<start_failure>& why) {
    if (!why)
        return false;
    spdlog::error("{}", why->why);
    failure_ = why->exit;
    return true;
}

net::task<exit_code> service::run() {
    const auto& from = core_.configuration;
    co_await wait_for_state_dir(core_.env, from.state_dir, [this] { return core_.stop.given(); });
    for (const auto& note : from.notes)
        spdlog::info("{}", note);
    core_.descriptors = budget_descriptors(core_.env.descriptors(), needs_of(from));
    if (core_.descriptors.enough()) {
        spdlog::info("{}", text_of(core_.descriptors));
        co_await run_parts();
    } else {
        give_up(start_failure{exit_code::unusable, too_few_text(core_.descriptors)});
    }
    if (!outcome_) {
        report refused;
        refused.exit = failure_;
        refused.state = "stopped";
        refused.pid = ::getpid();
        outcome_ = std::move(refused);
        co_await write_report_file(core_, *outcome_);
    }
    co_return outcome_->exit.value_or(failure_);
}

net::task<> service::run_parts() {
    co_await net::with_task_group(core_.env, [this](net::task_group& connections) -> net::task<> {
        core_.connections = &connections;
        part_list parts(core_, std::move(history_setup_));
        struct while_there {
            while_there(service& in, part_list& parts)
                : of(in) {
                of.parts_ = &parts;
            }

            ~while_there() {
                if (const auto* last = of.last_session())
                    of.last_session_ = *last;
                of.outcome_ = of.parts_->account().settled();
                of.parts_ = nullptr;
            }

            service& of;
        } const there(*this, parts);
        co_await net::with_task_group(core_.env, [this](net::task_group& tasks) { return live(tasks); });
        co_await parts.finish();
    });
}

net::task<> service::live(net::task_group& tasks) {
    core_.tasks = &tasks;
    const bool begun = co_await begin();
    if (!begun)
        co_return;
    core_.ready = true;
    core_.env.notify_supervisor("READY=1");
    co_await parts_->account().write_status_file();
    while (!core_.stop.given())
        co_await core_.stop.changed().wait();
    co_await tear_down();
    tasks.abort();
}

net::task<bool> service::begin() {
    auto& session = parts_->session();
    auto failed = co_await parts_->open();
    if (give_up(failed))
        co_return false;
    failed = co_await session.begin();
    if (give_up(failed))
        co_return false;
    parts_->start();
    if (session.waits()) {
        failed = co_await session.begin_when_there_is_room();
        if (give_up(failed))
            co_return false;
    }
    const bool on_disk = co_await session.on_disk();
    if (give_up(session.refused_by_disk()))
        co_return false;
    co_return !on_disk || !give_up(parts_->admit());
}

net::task<> service::tear_down() {
    spdlog::info("stopping: {}", name_of(*core_.stop.state().cause()));
    core_.env.notify_supervisor("STOPPING=1");
    parts_->extend_stop_timeout();
    while (core_.stop.state().step() != teardown_step::done) {
        const auto step = core_.stop.state().step();
        const auto began = core_.env.now();
        co_await perform(step);
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(core_.env.now() - began);
        spdlog::info("teardown: {}: {:.1f} ms", name_of(step), static_cast<double>(took.count()) / 1000);
        core_.stop.next_step();
    }
    parts_->account().say_what_is_left();
}

net::task<> service::perform(teardown_step step) {
    co_await parts_->stop(step);
    if (step != teardown_step::close_ring)
        co_return;
    auto& account = parts_->account();
    if (!parts_->state().lost())
        co_await account.write_status_file();
    co_await write_report_file(core_, *account.settled());
}

} // namespace agent
