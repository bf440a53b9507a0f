// How a story ends: healing, liveness, an orderly stop, and the last accounts.
#include "tests/sim/checkers/linger_checker.hpp"
#include "tests/sim/checkers/parts_checker.hpp"
#include "tests/sim/log_to_story.hpp"
#include "tests/sim/story.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace sim {

using namespace std::chrono_literals;

namespace {

constexpr auto ready_within = 60s;
constexpr auto durable_within = 120s; // after everything has healed, or after the last progress
constexpr auto exit_slack = 8s;       // beyond --shutdown-timeout: files, answers, the ring

net::task<> ask_once(process& env, std::string method, std::string target, net::duration within,
                     std::optional<api_answer>& answer, bool& done) {
    const auto deadline = env.now() + within;
    answer = co_await call_api(env, std::move(method), std::move(target), "", "", deadline);
    done = true;
}

} // namespace

void story::run() {
    const told_in scope(world_);
    begin();
    run_to(net::time_point(began_) + plan_.active_for);
    if (plan_.stops_under_faults)
        stop_under_faults();
    heal();
    for (auto& each : hosts_)
        expect_all_durable(each);
    for (auto& each : hosts_)
        expect_clean_exit(each);
    check_accounts();
    if (!world_.story().leak().empty())
        throw verdict(exit_correctness, "the token was told: " + world_.story().leak());
}

caller_tally story::callers() const {
    caller_tally all;
    for (const auto& each : hosts_)
        all.add(each.context->seen);
    return all;
}

// A teardown in the middle of it all is bounded; whatever is left, the next agent finds.
void story::stop_under_faults() {
    stopping_ = true;
    told_to_leave_ = world_.now();
    for (std::size_t at = 0; at < hosts_.size(); ++at) { // a copy may come meanwhile
        auto& agent = *hosts_[at].agent;
        if (!agent.ready() || agent.on().paused || agent.on().helper_delay_max > 10ms)
            continue;
        agent.signal();
        const auto incarnation = agent.incarnation();
        const auto paused = agent.on().paused_for;
        const auto by = world_.now() + plan_.agent.shutdown_timeout + exit_slack;
        const bool left =
            world_.run_until([&] { return !agent.running() || agent.incarnation() != incarnation; }, by);
        if (!left && !agent.on().paused && agent.on().paused_for == paused &&
            agent.on().helper_delay_max < 10ms)
            throw verdict(exit_liveness, agent.name() + " did not leave after its signal, under faults");
        if (!agent.running() && agent.exited && *agent.exited == agent::exit_code::durable)
            conservation_.expect_durable(hosts_[at].context->index, world_.now(), "exit 0");
    }
}

void story::heal() {
    world_.say("world", "everything heals");
    healing_ = true;
    world_.faults().heal();
    for (auto& each : hosts_) {
        auto& on = each.agent->on();
        if (on.paused)
            world_.resume(on);
        on.storage->capacity_bytes = disk::no_limit;
        on.storage->fails = nullptr;
        if (on.storage->lacking)
            on.storage->lacking->end_all();
        on.helper_delay_max = machine().helper_delay_max;
        ++each.agent->disturbances;
    }
    const auto settle = world_.now() + 30s; // planned ends of acts, restarts, teardowns under way
    run_to(settle);
    if (!world_.find(service_process_))
        start_service();
    for (auto& each : hosts_) {
        auto& agent = *each.agent;
        expect_no_agent_behind_its_input(each);
        if (!agent.running())
            start_agent(each);
        const bool ready =
            world_.run_until([&] { return agent.ready() || !agent.running(); }, world_.now() + ready_within);
        if (!ready || !agent.running())
            throw verdict(exit_liveness, agent.name() + " does not get ready");
    }
}

// What it held it has delivered by now, or could not: the end of its input ends it.
void story::expect_no_agent_behind_its_input(host& which) {
    if (!which.input || !which.input->written || !which.input->written->ended)
        return;
    const auto& agent = *which.agent;
    if (!world_.run_until([&] { return !agent.running(); }, world_.now() + durable_within))
        throw verdict(exit_liveness, agent.name() + " does not leave behind the end of its input");
}

std::string story::ask(host& which, std::string method, std::string target, net::duration within,
                       unsigned& status) {
    std::optional<api_answer> answer;
    bool done = false;
    process& asking = world_.start(which.agent->on(), which.agent->name() + "-examiner");
    asking.run([&answer, &done, method, target, within](process& env) {
        return ask_once(env, method, target, within, answer, done);
    });
    const auto id = asking.id();
    world_.run_until([&] { return done; }, world_.now() + within + 1s);
    if (process* left = world_.find(id))
        world_.end(*left);
    status = answer ? answer->status : 0;
    return answer ? answer->body : "no answer";
}

// A thin link may have much to carry: as long as something arrives, that is no failure.
void story::expect_all_durable(host& which) {
    unsigned status = 0;
    auto by = world_.now() + durable_within;
    auto stored = store_->records_ever();
    std::string last;
    while (world_.now() < by) {
        last = ask(which, "POST", "/events/flush?timeout=20s", 22s, status);
        if (status == 200)
            break;
        if (store_->records_ever() > stored) {
            stored = store_->records_ever();
            by = world_.now() + durable_within;
        }
        run_to(world_.now() + 500ms);
    }
    const std::string pending = ask(which, "GET", "/status", 5s, status);
    if (status != 200)
        throw verdict(exit_liveness, which.agent->name() + " does not answer");
    const auto parsed = boost::json::parse(last);
    if (!parsed.as_object().contains("durable_seq") || parsed.as_object().contains("error"))
        throw verdict(exit_liveness, which.agent->name() + " still waits: " + last + " " + pending);
    conservation_.expect_durable(which.context->index, world_.now(), "a flush");
}

void story::expect_clean_exit(host& which) {
    auto& agent = *which.agent;
    const auto told_at = world_.now();
    if (which.input)
        end_input(*which.input);
    else
        agent.signal();
    const bool left = world_.run_until([&] { return !agent.running(); },
                                       world_.now() + plan_.agent.shutdown_timeout + exit_slack);
    if (!left)
        throw verdict(exit_liveness, agent.name() + " does not leave");
    // Who finds a copy of himself in his stream only now has a continuation to begin, for the end of the session.
    const bool in_time = world_.now() < told_at + plan_.agent.shutdown_timeout;
    const bool late_copy = plan_.has("copies") && agent.exited == agent::exit_code::undelivered && !in_time;
    if (agent.exited != agent::exit_code::durable && !late_copy)
        throw verdict(exit_correctness, agent.name() + " left with exit code " +
                                            std::to_string(static_cast<int>(*agent.exited)) +
                                            " though everything works");
    conservation_.expect_durable(which.context->index, world_.now(), "exit 0");
    const auto status = agent.on().storage->read("/state/status.json");
    if (!status)
        throw verdict(exit_correctness, agent.name() + " left no status.json");
    world_.story().inspect("status.json", *status);
    conservation_.expect_adds_up(*status);
    settle_input(which);
    if (hosts_.size() == 1 && !plan_.plans(fault::machine_crashed) && !which.context->history_unread)
        conservation_.expect_counts(*status, *store_, plan_.has("others"));
}

// Drops are told only for reasons that this world gave.
void story::check_accounts() const {
    const parts_checker parts(book_, *store_);
    if (!plan_.has("others") && hosts_.size() == 1)
        parts.expect_no_continuation();
    if (hosts_.size() == 1) {
        parts.expect_each_once();
        lines_.expect_order();
    }
    // Big events wait for a place in flight, and a new session's for the claim of its stream.
    if (plan_.families.empty() && !plan_.capacity_may_drop && !plan_.callers.changes_sessions)
        expect_no_wait_beyond_linger(book_, plan_.agent, plan_.link, told_to_leave_);
    for (const auto& range : book_.dropped) {
        const bool crash = !book_.machine_crashes.empty() ||
                           (range.reason == "machine_crash" && plan_.plans(fault::boot_id_hidden));
        const bool seen_to_go =
            std::any_of(book_.left_rings.begin(), book_.left_rings.end(), [&range](const auto& seqs) {
                return seqs.first <= range.to && seqs.last >= range.from;
            });
        if (range.reason == "capacity" ? !seen_to_go : !crash)
            throw verdict(exit_correctness, "events_dropped " + std::to_string(range.from) + " to " +
                                                std::to_string(range.to) + " for " + range.reason +
                                                ", which nothing in this world explains");
    }
}

} // namespace sim
