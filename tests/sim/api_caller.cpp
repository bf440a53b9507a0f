#include "tests/sim/api_caller.hpp"

#include "net/http1/client.hpp"
#include "net/task/deadline.hpp"
#include "tests/sim/checkers/ring_checker.hpp"
#include "tests/sim/line_producers.hpp"

#include <boost/json.hpp>

namespace sim {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr auto answer_within = seconds(2); // of a call that waits for nobody

const net::endpoint api = net::endpoint::tcp("127.0.0.1", 10001);

// No answer is right only where the agent was disturbed meanwhile.
void expect_answered(const caller_context& context, const std::optional<api_answer>& answer,
                     std::uint64_t disturbances_before, std::string_view what) {
    const bool undisturbed = context.agent.disturbances == disturbances_before && !context.agent.hampered();
    if (!answer && undisturbed && context.agent.ready() && !context.agent.stopping())
        throw verdict(exit_correctness, std::string(what) + " was not answered");
}

net::task<> publish_once(process& env, caller_context& context, draw& source) {
    auto& book = context.book;
    const bool single = source.chance(200);
    const std::size_t count = single ? 1 : source.between(1, context.plan.events_max);
    std::vector<std::uint64_t> numbers;
    std::string body;
    for (std::size_t each = 0; each < count; ++each) {
        numbers.push_back(book.make(source.below(context.plan.data_bytes_max), context.index, env.wall_now(),
                                    context.in.now()));
        body += book.at(numbers.back()).text + "\n";
    }
    if (single)
        body.pop_back();
    const auto before = context.agent.disturbances;
    std::string type = single ? "application/json" : "application/x-ndjson";
    const auto deadline = env.now() + answer_within;
    const auto answer =
        co_await call_api(env, "POST", "/events/publish", std::move(body), std::move(type), deadline);
    expect_answered(context, answer, before, "a publish");
    if (!answer || answer->status == 0)
        co_return;
    ++context.seen.answers;
    context.in.story().inspect("an answer", answer->body);
    if (answer->status != 200) {
        for (const auto number : numbers)
            book.at(number).what = fate::refused;
        co_return;
    }
    const auto parsed = json::parse(answer->body).as_object();
    if (single) {
        auto& event = book.at(numbers.front());
        event.what = fate::accepted;
        event.shown = answer->body;
        event.seq = parsed.at("seq").to_number<seq_t>();
        event.answered_at = context.in.now();
        co_return;
    }
    const auto accepted = parsed.at("accepted").to_number<std::size_t>();
    if (accepted != numbers.size()) // refused for want of room, or a session that ended in the middle
        co_return;
    const auto first = parsed.at("first_seq").to_number<seq_t>();
    const auto last = parsed.at("last_seq").to_number<seq_t>();
    for (std::size_t each = 0; each < numbers.size(); ++each) {
        auto& event = book.at(numbers[each]);
        event.what = fate::accepted;
        event.answered_at = context.in.now();
        event.seq_min = first + each;
        event.seq_max = last - (accepted - 1 - each);
        if (event.seq_min == event.seq_max)
            event.seq = first + each;
    }
}

net::task<> pause(process& env, draw& source, net::duration longest) {
    const auto until = net::saturating_add(env.now(), source.between(milliseconds(1), longest));
    co_await net::sleep_until(env, until);
}

net::task<> publisher(process& env, caller_context& context) {
    draw source = context.in.source().fork("publisher");
    while (context.in.now() < context.plan.until) {
        co_await pause(env, source, context.plan.gap_max);
        if (context.agent.ready())
            co_await publish_once(env, context, source);
    }
}

// Invariant 6: success means that S2 has all that was accepted before the call.
net::task<> flusher(process& env, caller_context& context) {
    draw source = context.in.source().fork("flusher");
    while (context.in.now() < context.plan.until) {
        co_await pause(env, source, seconds(4));
        if (!context.agent.ready())
            continue;
        const auto called_at = context.in.now();
        const auto before = context.agent.disturbances;
        const auto timeout = source.between(1, 6);
        const auto deadline = env.now() + seconds(timeout) + answer_within;
        const auto answer = co_await call_api(
            env, "POST", "/events/flush?timeout=" + std::to_string(timeout) + "s", "", "", deadline);
        expect_answered(context, answer, before, "a flush");
        if (!answer || answer->status == 0)
            continue;
        context.in.story().inspect("an answer", answer->body);
        const auto now = context.in.now();
        const bool early = now < called_at + seconds(timeout) && context.agent.disturbances == before;
        if (answer->status == 504 && early && !context.agent.stopping()) {
            ++context.seen.early_answers;
            context.parking.expect_only_refused_left(context.agent, context.index, called_at, now,
                                                     "a flush gave up early: " + answer->body);
        }
        if (answer->status != 200)
            continue;
        ++context.seen.durable_flushes;
        const auto& checker = context.conservation;
        checker.expect_durable(context.index, called_at, "a flush said durable: " + answer->body);
    }
}

net::task<> session_changer(process& env, caller_context& context) {
    draw source = context.in.source().fork("sessions");
    draw choice = context.in.source().fork("which session");
    std::vector<std::string> earlier; // ids
    while (context.in.now() < context.plan.until) {
        co_await pause(env, source, context.plan.session_lasts_max);
        if (!context.agent.ready())
            continue;
        const auto before = context.agent.disturbances;
        auto deadline = env.now() + seconds(5) + answer_within;
        const auto ended =
            co_await call_api(env, "DELETE", "/events/capture_session?timeout=5s", "", "", deadline);
        expect_answered(context, ended, before, "the end of a session");
        if (ended)
            context.in.story().inspect("an answer", ended->body);
        co_await pause(env, source, seconds(1));
        deadline = env.now() + answer_within;
        std::string wanted = "{}";
        if (context.plan.reopens_sessions && !earlier.empty() && choice.chance(600))
            wanted = R"({"id":")" + earlier[choice.below(earlier.size())] + R"("})";
        const bool reopens = wanted != "{}";
        const auto made = co_await call_api(env, "POST", "/events/capture_session", std::move(wanted),
                                            "application/json", deadline);
        if (!made || made->status != 201)
            continue;
        if (reopens)
            ++context.seen.reopened;
        else
            earlier.emplace_back(json::parse(made->body).at("id").as_string());
    }
}

// Where it has lost something, that is what is told.
void look_at_ring(const caller_context& context) {
    if (auto* ring = dynamic_cast<ring_checker*>(context.agent.on().storage->watcher.get())) {
        ring->look();
        ring->learn();
    }
}

// published = durable + undelivered + dropped, whenever one asks.
net::task<> inquirer(process& env, caller_context& context) {
    draw source = context.in.source().fork("inquirer");
    while (context.in.now() < context.plan.until) {
        co_await pause(env, source, seconds(3));
        if (!context.agent.ready())
            continue;
        const auto before = context.agent.disturbances;
        const auto asked_at = context.in.now();
        const auto deadline = env.now() + answer_within;
        const auto answer = co_await call_api(env, "GET", "/status", "", "", deadline);
        expect_answered(context, answer, before, "a status");
        if (!answer || answer->status != 200)
            continue;
        context.in.story().inspect("the status", answer->body);
        context.conservation.expect_adds_up(answer->body);
        look_at_ring(context);
        if (context.plan.counts_tell && !context.history_unread)
            context.conservation.expect_plausible(answer->body, context.index, asked_at,
                                                  context.plan.outsiders);
        if (!context.plan.may_park)
            expect_not_parked(answer->body);
    }
}

} // namespace

net::task<std::optional<api_answer>> call_api(process& env, std::string method, std::string target,
                                              std::string body, std::string type, net::time_point deadline) {
    auto dialled = co_await env.dial(api, deadline);
    if (!dialled)
        co_return std::nullopt;
    auto transport = std::move(*dialled);
    auto& faults = env.in().faults();
    // Somebody who hangs up in the middle of it all.
    const bool vanishes = faults.strikes(fault::caller_vanishes);
    const auto end =
        vanishes ? env.now() + faults.source().between(milliseconds(0), milliseconds(5)) : deadline;
    if (vanishes)
        faults.fired(fault::caller_vanishes);
    const auto nothing = [vanishes] {
        return vanishes ? std::optional<api_answer>(api_answer{}) : std::nullopt;
    };
    const net::deadline_guard guard(env, end, *transport);
    auto client = net::make_http1_client(env, std::move(transport));
    net::request_head head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.authority = "127.0.0.1:10001";
    if (!type.empty())
        head.fields.push_back({"content-type", std::move(type)});
    if (!body.empty())
        head.fields.push_back({"content-length", std::to_string(body.size())});
    auto opened = co_await client->open(std::move(head), body.empty());
    if (!opened)
        co_return nothing();
    auto exchange = std::move(*opened);
    if (!body.empty()) {
        const net::asio::const_buffer whole = net::asio::buffer(body);
        const auto sent = co_await exchange->write(std::span(&whole, 1));
        if (sent)
            co_return nothing();
        const auto finished = co_await exchange->finish();
        if (finished)
            co_return nothing();
    }
    const auto answered = co_await exchange->response();
    if (!answered)
        co_return nothing();
    auto text = co_await net::read_body(*exchange, 1 << 20);
    if (!text)
        co_return nothing();
    api_answer answer{answered->status, std::move(*text)};
    co_return answer;
}

net::task<> watcher(process& env, caller_context& context); // sse_watcher.cpp

void start_callers(process& env, caller_context& context) {
    if (context.plan.publishes)
        env.run([&context](process& self) { return publisher(self, context); });
    for (std::size_t each = 0; each < context.plan.line_producers; ++each)
        env.run([&context](process& self) { return feed_socket(self, context); });
    if (context.plan.flushes)
        env.run([&context](process& self) { return flusher(self, context); });
    if (context.plan.changes_sessions)
        env.run([&context](process& self) { return session_changer(self, context); });
    if (context.plan.asks_status)
        env.run([&context](process& self) { return inquirer(self, context); });
    if (context.plan.watches)
        env.run([&context](process& self) { return watcher(self, context); });
}

} // namespace sim
