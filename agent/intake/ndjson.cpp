#include "agent/intake/ndjson.hpp"

#include "net/task/deadline.hpp"
#include "net/task/next_turn.hpp"
#include "net/task/task_group.hpp"

#include <boost/json.hpp>

#include <spdlog/spdlog.h>

namespace agent {
namespace {

std::string error_line(std::uint64_t line, std::string_view code, std::string_view message) {
    return boost::json::serialize(boost::json::object{{"line", line}, {"code", code}, {"message", message}}) +
           "\n";
}

} // namespace

intake_counts& intake_counts::operator+=(const intake_counts& other) {
    lines += other.lines;
    accepted += other.accepted;
    filtered += other.filtered;
    refused += other.refused;
    return *this;
}

ndjson_intake::ndjson_intake(net::environment& env, capture& into, ring& journal, body_memory& bodies,
                             net::stream& from, net::stop_token stop, intake_options options)
    : env_(env)
    , capture_(into)
    , ring_(journal)
    , from_(from)
    , stop_(stop)
    , options_(std::move(options))
    , held_(bodies, {options_.one_of_many, options_.one_of_many, true}, [this] { from_.shutdown_read(); })
    , log_(options_.name)
    , pace_(env, journal)
    , errors_changed_(env) {}

net::task<intake_end> ndjson_intake::run() {
    auto end = intake_end::failed;
    try {
        co_await net::with_task_group(env_, [&](net::task_group& group) -> net::task<void> {
            group.spawn([this] { return stop_reading(); });
            if (options_.write_errors_back)
                group.spawn([this] { return write_errors(); });
            end = co_await read();
            if (options_.write_errors_back)
                co_await finish_errors();
        });
    } catch (...) {
        refuse_rest();
        log_.ended();
        throw;
    }
    log_.ended();
    co_return end;
}

// Ends the read that is outstanding. What waits for room waits for the stop, too.
net::task<void> ndjson_intake::stop_reading() {
    co_await stop_.begun();
    from_.close();
}

// No more than there is room for: whoever must wait for that does not read on.
net::task<net::result<std::size_t>> ndjson_intake::read_some() {
    const auto held = lines_.held_bytes();
    const auto needed = held >= body_free_bytes ? whole_line_bytes : held;
    held_.keep(needed);
    while (!stop_.stopping() && !held_.ask(needed))
        co_await net::wait_any(held_.of().granted(), stop_.changed());
    if (stop_.stopping() || held_.given_up())
        co_return net::error_code(net::asio::error::operation_aborted);
    const auto room = lines_.prepare(options_.one_of_many ? next_piece_bytes(held, options_.read_bytes)
                                                          : options_.read_bytes);
    held_.listens();
    auto got = co_await from_.read_some(net::asio::buffer(room.data(), room.size()));
    held_.busy();
    co_return got;
}

net::task<intake_end> ndjson_intake::read() {
    while (!stop_.stopping()) {
        const auto got = co_await read_some();
        if (!got && held_.given_up() && !stop_.stopping()) {
            give_up_line();
            co_return intake_end::failed;
        }
        if (!got && net::is_eof(got.error())) {
            lines_.end_of_input();
            co_await publish_lines();
            co_return intake_end::end_of_input;
        }
        if (!got && stop_.stopping())
            break;
        if (!got) {
            spdlog::warn("{}: reading failed: {}", options_.name, got.error().message());
            cut_off();
            co_return intake_end::failed;
        }
        lines_.commit(*got);
        held_.keep(lines_.held_bytes()); // what a pause for S2 holds is no more than what is there
        co_await publish_lines();
        // A producer that is always ahead of us leaves the loop's other work its turn.
        co_await net::next_turn(env_);
    }
    cut_off();
    co_return intake_end::stopped;
}

net::task<void> ndjson_intake::publish_lines() {
    for (;;) {
        const auto next = lines_.next();
        if (std::holds_alternative<need_input>(next))
            co_return;
        if (const auto* refused = std::get_if<refused_line>(&next)) {
            capture_.count_refused();
            refuse(refused->number, refused->error.code, refused->error.message);
            continue;
        }
        const auto& line = std::get<input_line>(next);
        const auto bytes = std::min(line.text.size() + envelope_overhead_bytes_max, envelope_bytes_max);
        if (pace_.too_far_ahead(bytes) || !ring_.make_room(bytes)) {
            waiting_line_ = line.number;
            co_await stay_near_delivery(bytes);
            co_await wait_for_room(bytes);
            waiting_line_.reset();
        }
        if (stop_.stopping() && !ring_.make_room(bytes)) {
            capture_.count_refused();
            refuse(line.number, "no_room", "stopped while the ring had no room: " + ring_.refusal());
            continue;
        }
        publish(line);
    }
}

net::task<void> ndjson_intake::stay_near_delivery(std::size_t bytes) {
    while (!stop_.stopping() && pace_.too_far_ahead(bytes))
        co_await pace_.wait(bytes, stop_.changed());
}

net::task<void> ndjson_intake::wait_for_room(std::size_t bytes) {
    while (!stop_.stopping() && !ring_.make_room(bytes)) {
        const auto again = ring_.look_again_at();
        co_await net::wait_any_until(again, ring_.freed(), stop_.changed());
    }
}

void ndjson_intake::publish(const input_line& line) {
    const auto outcome = capture_.publish(line.text, event_origin::intake);
    if (const auto* refused = std::get_if<publish_refused>(&outcome)) {
        refuse(line.number, refused->code, refused->message);
        return;
    }
    ++counts_.lines;
    if (std::holds_alternative<publish_filtered>(outcome))
        ++counts_.filtered;
    else
        ++counts_.accepted;
}

void ndjson_intake::refuse(std::uint64_t line, std::string_view code, std::string_view message) {
    ++counts_.lines;
    ++counts_.refused;
    log_.refused(env_.now(), line, code, message);
    if (!options_.write_errors_back || errors_done_)
        return;
    // Who writes without reading must not hold up its own lines for ever, nor fill our memory.
    if (errors_.size() >= intake_errors_bytes_max) {
        ++errors_omitted_;
        return;
    }
    errors_ += error_line(line, code, message);
    errors_changed_.notify();
}

void ndjson_intake::cut_off() {
    if (const auto rest = lines_.abort()) {
        capture_.count_refused();
        refuse(rest->number, rest->error.code, rest->error.message);
    }
}

// Others wait for the room that this line has.
void ndjson_intake::give_up_line() {
    if (const auto rest = lines_.abort()) {
        capture_.count_refused();
        refuse(rest->number, "stalled", "the rest of the line did not come, and others wait for its room");
    }
}

// Aborted: what was read and not published is accounted for.
void ndjson_intake::refuse_rest() {
    const auto refuse_aborted = [this](std::uint64_t line) {
        capture_.count_refused();
        refuse(line, "cut_off", "the agent left before it was published");
    };
    if (waiting_line_)
        refuse_aborted(*waiting_line_);
    for (;;) {
        const auto next = lines_.next();
        if (const auto* line = std::get_if<input_line>(&next))
            refuse_aborted(line->number);
        else if (const auto* refused = std::get_if<refused_line>(&next))
            refuse_aborted(refused->number);
        else
            break;
    }
    cut_off();
}

net::task<void> ndjson_intake::write_errors() {
    for (;;) {
        while (errors_.empty() && !errors_ended_)
            co_await errors_changed_.wait();
        if (errors_.empty())
            break;
        std::string text = std::exchange(errors_, {});
        if (const auto omitted = std::exchange(errors_omitted_, 0))
            text +=
                error_line(0, "errors_omitted", std::to_string(omitted) + " errors were not read in time");
        const net::asio::const_buffer buffer = net::asio::buffer(text);
        const net::error_code ec = co_await from_.write(std::span(&buffer, 1));
        if (ec) {
            errors_done_ = true;
            errors_.clear();
            break;
        }
    }
    errors_done_ = true;
    errors_changed_.notify();
}

net::task<void> ndjson_intake::finish_errors() {
    errors_ended_ = true;
    errors_changed_.notify();
    net::deadline_guard guard(env_, net::saturating_add(env_.now(), intake_errors_linger_max), from_);
    while (!errors_done_)
        co_await errors_changed_.wait();
}

} // namespace agent
