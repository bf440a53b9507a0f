#include "agent/service/service.hpp"

#include "net/task/contained.hpp"

#include <spdlog/spdlog.h>

#include <unistd.h>

namespace agent {
namespace {

constexpr net::duration close_grace = std::chrono::seconds(2);      // for parts that need no network
constexpr net::duration api_grace = std::chrono::milliseconds(500); // for answers under way

std::int64_t micros(net::duration value) {
    return std::chrono::duration_cast<std::chrono::microseconds>(value).count();
}

} // namespace

service::service(net::environment& env, const config& configuration, producer* in_process, history_setup past)
    : env_(env)
    , config_(configuration)
    , producer_(in_process)
    , history_setup_(std::move(past))
    , bodies_(env)
    , intake_stop_(env)
    , api_stop_(env)
    , changed_(env)
    , teardown_(configuration.shutdown_timeout, configuration.input_grace) {}

service::~service() = default;

void service::on_signal() {
    stop_because(teardown_cause::signal);
    if (teardown_.cut_short())
        spdlog::warn("second signal: leaving without waiting for S2");
}

void service::stop_because(teardown_cause cause) {
    teardown_.begin(cause, env_.now());
    changed_.notify();
}

void service::announce(const std::string& envelope) {
    live_->announce(envelope);
    if (files_)
        files_->announce(envelope);
}

// --- running

net::task<exit_code> service::run() {
    co_await wait_for_state_dir(env_, config_.state_dir, [this] { return teardown_.begun(); });
    if (open())
        co_await run_opened();
    if (!final_) {
        report refused;
        refused.exit = failure_;
        refused.state = "stopped";
        refused.pid = ::getpid();
        final_ = std::move(refused);
        co_await write_report_file();
    }
    co_return final_->exit.value_or(failure_);
}

net::task<> service::run_opened() {
    co_await net::with_task_group(env_, [this](net::task_group& connections) -> net::task<> {
        // What holds connections goes before the group that they run in.
        struct goes_first {
            explicit goes_first(service& in)
                : of(in) {}
            ~goes_first() {
                of.apis_.clear();
                if (of.state_)
                    of.state_->journal->set_retention(nullptr);
                of.history_.reset();
                of.sink_.reset();
                of.client_.reset();
                of.connector_.reset();
            }
            service& of;
        } const order(*this);
        if (!open_client(connections))
            co_return;
        co_await net::with_task_group(env_, [this](net::task_group& group) { return live(group); });
        co_await connector_->close();
    });
}

// Runs as a task; `which` tells when it has ended and how to abort it.
net::task<> service::run_part(part& which, std::function<net::task<>()> body) {
    struct ending {
        ending(service& in, part& which)
            : of(in)
            , ended(which) {}

        ~ending() {
            ended.group = nullptr;
            ended.ended = true;
            of.changed_.notify();
        }

        service& of;
        part& ended;
    } const end(*this, which);

    auto alone = net::with_task_group(env_, [&which, &body](net::task_group& group) -> net::task<> {
        which.group = &group;
        group.spawn(body); // a child, so that the group's abort reaches it
        co_await group.join();
    });
    co_await net::contained(std::move(alone), std::string(which.name),
                            [this](const std::string& line) { part_failed(line); });
}

// One that nobody waits for.
void service::run_task(net::task_group& group, std::string_view name, std::function<net::task<>()> body) {
    group.spawn([this, name, body = std::move(body)] {
        return net::contained(body(), std::string(name),
                              [this](const std::string& line) { part_failed(line); });
    });
}

// Without this part the agent is not what it was told to be, but what it holds still has to be delivered.
void service::part_failed(const std::string& line) {
    spdlog::critical("an internal failure ends the agent: {}", line);
    part_failed_ = true;
    stop_because(teardown_cause::failure);
}

net::task<> service::live(net::task_group& group) {
    if (store_) {
        group.spawn([this] { return run_part(store_part_, [this] { return store_->run(); }); });
        const auto failed = co_await store_->prepare();
        if (failed) {
            give_up(exit_code::unusable, *failed);
            co_return;
        }
        run_task(group, "the store's capacity", [this] { return keep_store_small(); });
    }
    if (!open_intakes())
        co_return;
    co_await recall_sessions();
    if (!start_session())
        co_return;
    run_task(group, "the history", [this] { return history_->run(); });
    group.spawn([this] { return run_part(sink_part_, [this] { return sink_->run(); }); });
    run_task(group, "the seq ceiling",
             [this] { return state_->ceiling->keep_ahead(env_, *state_->journal); });
    if (files_)
        group.spawn([this] { return run_part(files_part_, [this] { return files_->run(); }); });
    run_task(group, "watching delivery", [this] { return watch_delivery(); });
    if (start_waits_) {
        const bool started = co_await start_when_there_is_room();
        if (!started)
            co_return;
    }
    // Who is told to leave meanwhile takes nothing. Where delivery parks so soon, what comes is for the ring.
    const auto& sessions = *state_->sessions;
    while (!sessions.start_stored() && !sessions.start_failure() && !teardown_.told_to_leave())
        co_await changed_.wait();
    if (const auto& failed = sessions.start_failure()) {
        give_up(exit_code::unusable, "cannot use the state directory " + config_.state_dir.string() +
                                         ": the session table can't be written: " + failed.message());
        co_return;
    }
    intake_part_.ended = !sessions.start_stored() || start_waits_.has_value();
    if (!intake_part_.ended && !listen())
        co_return;
    if (!intake_part_.ended)
        group.spawn([this] { return run_part(intake_part_, [this] { return take_events(); }); });
    for (const auto& api : apis_)
        run_task(group, "the API", [this, serving = api.get()] { return serving->serve(api_stop_); });
    if (config_.watchdog)
        run_task(group, "the watchdog", [this] { return feed_watchdog(*config_.watchdog / 2); });
    ready_ = true;
    env_.notify_supervisor("READY=1");
    co_await write_status_file();
    while (!teardown_.begun())
        co_await changed_.wait();
    co_await tear_down();
    group.abort();
}

// The older sessions are delivered first. False: what kept the new one from starting was something else.
net::task<bool> service::start_when_there_is_room() {
    const auto deadline = net::saturating_add(env_.now(), config_.shutdown_timeout);
    spdlog::warn("{}; they are delivered before a new one starts: {}", start_waits_->message,
                 sink_->owed_to());
    while (!teardown_.begun() && env_.now() < deadline) {
        const auto refused = capture_->refusal({config_.session_id, config_.categories});
        if (!refused || !refused->ends_with_delivery()) {
            co_await recall_sessions(); // there may have been no slot for it
            co_return start_session();
        }
        co_await changed_.wait_until(deadline);
    }
    if (!teardown_.begun()) {
        spdlog::error(
            "cannot start a capture session: {}: owed to {}; run once with that place reachable, or use "
            "another --state-dir",
            start_waits_->message, sink_->owed_to());
        stop_because(teardown_cause::no_start);
    }
    co_return true;
}

net::task<> service::take_events() {
    co_await net::with_task_group(env_, [this](net::task_group& group) -> net::task<> {
        if (input_)
            group.spawn([this] { return read_input(); });
        if (producer_)
            group.spawn([this] { return take_from_producer(); });
        if (ndjson_)
            group.spawn(ndjson_->serve(intake_stop_));
        co_await group.join();
    });
}

net::task<> service::read_input() {
    intake_options options;
    if (*config_.input != "-")
        options.name = *config_.input;
    ndjson_intake intake(env_, *capture_, *state_->journal, bodies_, *input_, intake_stop_,
                         std::move(options));
    const intake_end end = co_await intake.run();
    input_ended(end);
}

net::task<> service::take_from_producer() {
    const intake_end end = co_await producer_->publish_all(*capture_, *state_->journal, *sink_, intake_stop_);
    input_ended(end);
}

void service::input_ended(intake_end how) {
    input_ended_ = true;
    input_failed_ = how == intake_end::failed;
    input_unread_ = how == intake_end::stopped;
    if (how != intake_end::stopped)
        stop_because(teardown_cause::end_of_input);
}

// Tells the teardown of progress, and begins it where standard input would wait for a parked sink. Ends a
// session whose start the disk refused, whoever waits for it or does not any more.
net::task<> service::watch_delivery() {
    std::uint64_t acks = sink_->ack_count();
    for (;;) {
        if (has_input() && sink_->parked())
            stop_because(teardown_cause::parked);
        if (state_->sessions->start_failure())
            capture_->stop(end_reason::stopped);
        if (sink_->ack_count() != acks) {
            acks = sink_->ack_count();
            teardown_.progressed(env_.now());
        }
        if (producer_)
            producer_->durable(sink_->durable_seq());
        changed_.notify();
        co_await sink_->changed().wait();
    }
}

// --- stopping

net::task<> service::tear_down() {
    spdlog::info("stopping: {}", name_of(*teardown_.cause()));
    env_.notify_supervisor("STOPPING=1");
    extend_stop_timeout();
    while (teardown_.step() != teardown_step::done) {
        const auto step = teardown_.step();
        const auto began = env_.now();
        co_await perform(step);
        spdlog::info("teardown: {}: {:.1f} ms", name_of(step),
                     static_cast<double>(micros(env_.now() - began)) / 1000);
        teardown_.next_step();
    }
    say_what_is_left();
}

// The service manager must not kill what is about to leave by itself.
void service::extend_stop_timeout() {
    const auto longest = config_.shutdown_timeout + 3 * close_grace;
    env_.notify_supervisor("EXTEND_TIMEOUT_USEC=" + std::to_string(micros(longest)));
}

net::task<> service::perform(teardown_step step) {
    switch (step) {
    case teardown_step::stop_intake:
        while (input_may_come() && env_.now() < teardown_.input_deadline())
            co_await changed_.wait_until(teardown_.input_deadline());
        intake_stop_.drain(env_.now());
        co_await wait_for_end(intake_part_, net::saturating_add(env_.now(), close_grace));
        break;
    case teardown_step::end_session:
        capture_->stop(teardown_.cause() == teardown_cause::end_of_input ? end_reason::end_of_input
                                                                         : end_reason::shutdown);
        live_->end();
        break;
    case teardown_step::deliver:
        co_await net::with_task_group(env_, [this](net::task_group& group) -> net::task<> {
            group.spawn(state_->journal->sync_ahead());
            co_await deliver_rest();
            co_await group.join();
        });
        settle_account();
        break;
    case teardown_step::close_files:
        if (files_) {
            files_->end();
            co_await wait_for_end(files_part_, net::saturating_add(env_.now(), close_grace));
        }
        break;
    case teardown_step::close_ring:
        co_await close_ring();
        break;
    case teardown_step::done:
        break;
    }
}

// After a signal only what another process ends counts: a file has no last words.
bool service::input_may_come() const {
    if (intake_part_.ended || !teardown_.reads_to_the_end())
        return !intake_part_.ended;
    const bool from_input = !input_ended_ && input_ && input_->has_writer();
    return from_input || (ndjson_ && ndjson_->connections() > 0);
}

// Ends the linger, sends, waits for the acks: until nothing is owed that can move, or the deadline, which
// may move while it waits.
net::task<> service::deliver_rest() {
    sink_->drain();
    const auto retries_until = net::saturating_add(env_.now(), parked_retry_grace);
    while (!sink_part_.ended && sink_->ends_by_itself(retries_until) && env_.now() < teardown_.deadline()) {
        auto until = teardown_.deadline();
        if (env_.now() < retries_until)
            until = std::min(until, retries_until);
        if (teardown_.cause() == teardown_cause::end_of_input)
            extend_stop_timeout();
        co_await changed_.wait_until(until);
    }
}

// What can't end by itself in time is aborted; then it does end.
net::task<> service::wait_for_end(part& which, net::time_point deadline) {
    while (!which.ended && env_.now() < deadline)
        co_await changed_.wait_until(deadline);
    if (!which.ended && which.group)
        which.group->abort();
    while (!which.ended)
        co_await changed_.wait();
}

void service::settle_account() {
    report account = current_report();
    const bool owes = sink_->owes_here() || sink_->owes_held();
    const bool state_lost = state_dir_lost(env_, config_.state_dir);
    account.exit =
        teardown_.exit({owes, sink_->refused(), input_failed_ || part_failed_, input_unread_, state_lost});
    account.state = "stopped";
    final_ = std::move(account);
}

net::task<> service::close_ring() {
    co_await wait_for_end(sink_part_, env_.now());
    api_stop_.drain(net::saturating_add(env_.now(), api_grace));
    if (store_) {
        store_->close();
        co_await wait_for_end(store_part_, net::saturating_add(env_.now(), close_grace));
    }
    co_await history_->close();
    auto& state = *state_;
    // What stands under the directory's name may be another agent's: a clean mark of ours would tell it that
    // nothing is missing after a machine crash.
    if (state_dir_lost(env_, config_.state_dir)) {
        co_await write_report_file();
        co_return;
    }
    const net::error_code failed = co_await net::on_helper(env_, [&state] {
        const net::error_code sessions = state.sessions->sync();
        const net::error_code deliveries = state.deliveries->sync();
        const net::error_code journal = state.journal->close_clean();
        return sessions ? sessions : deliveries ? deliveries : journal;
    });
    if (failed)
        spdlog::error("cannot write the state directory: {}", failed.message());
    co_await write_status_file();
    co_await write_report_file();
}

} // namespace agent
