#include "tests/sim/line_writer.hpp"

#include <array>

namespace sim {
namespace {

using std::chrono::milliseconds;

constexpr unsigned seldom = 30; // per mille

// Each is refused for a reason of its own.
constexpr std::array<std::string_view, 5> bad_lines{
    "this is not JSON",
    R"({"type":""})",
    R"({"type":"console.log","surprise":1})",
    R"({"type":"console.log","source":{"kind":"cdp"}})",
    R"({"type":"console.log","data":[1,2})",
};

} // namespace

line_writer::line_writer(process& env, caller_context& context, net::stream& to, draw source)
    : env_(env)
    , context_(context)
    , to_(to)
    , source_(source)
    , account_(context.book.inputs.emplace_back()) {
    account_.agent = context.index;
}

void line_writer::add_line(std::string& text) {
    using kind = written_line::kind;
    auto& faults = context_.in.faults();
    auto& book = context_.book;
    if (source_.chance(seldom)) {
        text += '\n';
        account_.lines.push_back({kind::empty});
    }
    if (faults.strikes(fault::bad_line)) {
        faults.fired(fault::bad_line);
        text += bad_lines[source_.below(bad_lines.size())];
        account_.lines.push_back({kind::bad});
    } else {
        const bool filtered = faults.strikes(fault::line_filtered);
        const auto number = book.make(source_.below(context_.plan.data_bytes_max), context_.index,
                                      env_.wall_now(), context_.in.now(), filtered ? "network" : "console");
        auto& event = book.at(number);
        event.written_to = &account_;
        event.line = account_.lines.size();
        if (filtered) {
            faults.fired(fault::line_filtered);
            event.what = fate::refused;
        }
        text += event.text;
        account_.lines.push_back({filtered ? kind::filtered : kind::good, number});
    }
    text += source_.chance(seldom) ? "\r\n" : "\n";
}

net::task<bool> line_writer::write(std::string text) {
    auto& faults = context_.in.faults();
    std::string_view left = text;
    while (!left.empty()) {
        auto size = left.size();
        if (size > 1 && faults.strikes(fault::line_split)) {
            faults.fired(fault::line_split);
            size = source_.between(1, size - 1);
        }
        const net::asio::const_buffer piece(left.data(), size);
        const net::error_code lost = co_await to_.write(std::span(&piece, 1));
        if (lost)
            co_return false;
        left.remove_prefix(size);
        if (left.empty())
            break;
        const auto until = env_.now() + source_.between(milliseconds(0), milliseconds(20));
        co_await net::sleep_until(env_, until);
    }
    co_return true;
}

net::task<bool> line_writer::burst() {
    std::string text;
    const auto count = source_.between(1, context_.plan.events_max);
    for (std::uint64_t each = 0; each < count; ++each)
        add_line(text);
    const bool heard = co_await write(std::move(text));
    co_return heard;
}

net::task<bool> line_writer::write_until(net::time_point when, const bool& stopped) {
    bool heard = true;
    do {
        heard = co_await burst();
        const auto until = env_.now() + source_.between(milliseconds(1), context_.plan.gap_max);
        co_await net::sleep_until(env_, until);
    } while (heard && !stopped && context_.in.now() < when);
    co_return heard;
}

net::task<> line_writer::end() {
    auto& faults = context_.in.faults();
    if (faults.strikes(fault::producer_vanishes)) {
        faults.fired(fault::producer_vanishes);
        account_.lines.push_back({written_line::kind::bad});
        account_.torn = true;
        const std::string_view line = bad_lines.back();
        std::string begun(line.substr(0, source_.between(1, line.size() - 1)));
        const bool heard = co_await write(std::move(begun));
        account_.ended = heard;
        to_.close();
        co_return;
    }
    const net::error_code lost = co_await to_.shutdown_write();
    account_.ended = !lost;
}

} // namespace sim
