#include "tests/sim/line_producers.hpp"

#include "net/task/deadline.hpp"
#include "net/task/task_group.hpp"

#include <boost/json.hpp>

#include <set>

namespace sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto answers_within = seconds(60); // an intake may wait for S2

net::task<> read_answers(net::stream& from, std::string& answers, bool& whole) {
    std::string room(4096, '\0');
    for (;;) {
        const auto got = co_await from.read_some(net::asio::buffer(room));
        whole = !got && net::is_eof(got.error());
        if (!got)
            co_return;
        answers.append(room, 0, *got);
    }
}

[[noreturn]] void wrong(const std::string& what, const std::string& answers) {
    throw verdict(exit_correctness, "an NDJSON connection: " + what + ": " + answers.substr(0, 300));
}

// One error for each line that is refused, none for another; what was not refused is in the ring.
void settle(caller_context& context, const line_input& written, const std::string& answers) {
    using kind = written_line::kind;
    std::set<std::uint64_t> refused;
    for (std::size_t at = 0; at < answers.size();) {
        const auto end = answers.find('\n', at);
        if (end == std::string::npos)
            wrong("half an answer", answers.substr(at));
        const auto answer = boost::json::parse(std::string_view(answers).substr(at, end - at));
        if (!refused.insert(answer.at("line").to_number<std::uint64_t>()).second)
            wrong("a line was refused twice", answers);
        at = end + 1;
    }
    for (std::size_t index = 0; index < written.lines.size(); ++index) {
        const auto& line = written.lines[index];
        const bool told = refused.erase(index + 1) > 0;
        if (line.what == kind::bad && !told)
            wrong("nobody was told that line " + std::to_string(index + 1) + " is bad", answers);
        if (told && line.what != kind::bad && !(line.what == kind::good && context.plan.may_lack_room))
            wrong("line " + std::to_string(index + 1) + " was refused", answers);
        if (line.what == kind::good) {
            auto& event = context.book.at(line.number);
            event.what = told ? fate::refused : fate::accepted;
            event.answered_at = context.in.now();
        }
        ++context.seen.answered_lines;
    }
    if (!refused.empty())
        wrong("a line was refused that was never written", answers);
}

net::task<> write_connection(process& env, caller_context& context, std::unique_ptr<net::stream> to,
                             draw source) {
    const auto before = context.agent.disturbances;
    const bool leaving = context.agent.stopping();
    const net::deadline_guard guard(env, env.now() + answers_within, *to);
    line_writer writer(env, context, *to, source.fork("lines"));
    std::string answers;
    bool whole = false;
    std::function<net::task<>(net::task_group&)> both = [&](net::task_group& group) -> net::task<> {
        group.spawn([&] { return read_answers(*to, answers, whole); });
        const auto until = context.in.now() + source.between(milliseconds(0), seconds(5));
        const bool stopped = false;
        const bool heard = co_await writer.write_until(std::min(until, context.plan.until), stopped);
        if (heard)
            co_await writer.end();
        else
            to->close();
        co_await group.join();
    };
    co_await net::with_task_group(env, std::move(both));
    const auto& written = writer.account();
    // An agent that leaves reads on for its grace, and the rest stays unread: nobody is told of that.
    const bool undisturbed = context.agent.disturbances == before && context.agent.ready() &&
                             !context.agent.hampered() && !leaving;
    if (guard.expired() && undisturbed && !context.plan.may_lack_room)
        wrong("its end was not answered", answers);
    if (undisturbed && !context.agent.stopping() && whole && written.ended && !written.torn)
        settle(context, written, answers);
}

} // namespace

const net::endpoint& ndjson_socket() {
    static const net::endpoint at = net::endpoint::unix_path("/run/ndjson.sock");
    return at;
}

net::task<> feed_standard_input(process& env, caller_context& context, std::shared_ptr<standard_input> input,
                                std::unique_ptr<net::stream> to) {
    draw source = context.in.source().fork("producer");
    line_writer writer(env, context, *to, source.fork("lines"));
    input->written = &writer.account();
    const auto ends_at = context.in.now() + source.between(seconds(1), seconds(15));
    const bool ends = ends_at < context.plan.until && context.in.faults().strikes(fault::input_ends);
    bool heard = co_await writer.write_until(ends ? ends_at : context.plan.until, input->over);
    if (heard && ends)
        context.in.faults().fired(fault::input_ends);
    while (heard && !ends && !input->over)
        co_await input->changed.wait();
    if (heard) {
        context.in.say(env.name(), "ends the input");
        co_await writer.end();
    }
}

net::task<> feed_socket(process& env, caller_context& context) {
    draw source = context.in.source().fork("socket");
    while (context.in.now() < context.plan.until) {
        const auto again = env.now() + source.between(milliseconds(1), seconds(2));
        co_await net::sleep_until(env, again);
        if (!context.agent.ready())
            continue;
        auto dialled = co_await env.dial(ndjson_socket(), env.now() + seconds(2));
        if (dialled)
            co_await write_connection(env, context, std::move(*dialled), source.fork("connection"));
    }
}

} // namespace sim
