#include "s2/local/read_streams.hpp"

#include "s2/local/drain_watch.hpp"
#include "s2/protobuf.hpp"

#include <algorithm>
#include <charconv>

namespace s2::local {
namespace {

void add_tail(const std::optional<stream_position>& tail, std::string& records) {
    if (tail)
        encode_read_batch({{}, tail}, records);
}

// All that fits into one answer (§2.6): what there is, or what comes first while waiting.
net::task<reply> one_batch(read_session& session, const read_mode& mode) {
    std::string records;
    std::optional<stream_position> tail;
    bool waited = false;
    while (true) {
        outcome<read_event> event = co_await session.next();
        if (!event)
            co_return reply::of(event.error());
        if (event->what == read_event::kind::end)
            break;
        if (event->what == read_event::kind::heartbeat) {
            if (!records.empty())
                break;
            waited = true;
            continue;
        }
        records += event->records;
        tail = event->tail;
        if (waited)
            break;
    }
    if (mode.kind == read_mode::unary_protobuf) {
        add_tail(tail, records);
        co_return reply::protobuf(std::move(records));
    }
    std::string body;
    read_batch_to_json(records, tail, mode.format, body);
    co_return reply::json_text(200, std::move(body));
}

net::task<bool> write(net::server_exchange& to, const std::string& bytes) {
    const net::asio::const_buffer whole(bytes.data(), bytes.size());
    const std::span<const net::asio::const_buffer> from(&whole, 1);
    const net::error_code failed = co_await to.write(from);
    co_return !failed;
}

net::task<void> stream_frames(const call& on, read_session& session, const read_mode& mode,
                              const bool& advise) {
    while (true) {
        outcome<read_event> event = co_await session.next();
        std::string frame;
        if (!event) {
            encode_terminal_frame(event.error().status, event.error().body, frame);
        } else if (event->what != read_event::kind::end) {
            add_tail(event->tail, event->records);
            encode_frame(event->records, mode.with, frame, advise);
        }
        if (!frame.empty()) {
            const bool written = co_await write(on.exchange, frame);
            if (!written)
                co_return;
        }
        if (!event || event->what == read_event::kind::end)
            break;
    }
    (void)co_await on.exchange.finish();
}

net::task<void> stream_events(const call& on, read_session& session, const read_mode& mode) {
    last_event_id so_far = mode.last_event.value_or(last_event_id());
    while (true) {
        outcome<read_event> event = co_await session.next();
        std::string text;
        if (!event) {
            text = "event: error\ndata: " + event.error().body + "\n\n";
        } else if (event->what == read_event::kind::batch) {
            so_far = {event->last.seq_num, so_far.count + event->count, so_far.bytes + event->metered};
            text = "event: batch\nid: " + so_far.text() + "\ndata: ";
            read_batch_to_json(event->records, event->tail, mode.format, text);
            text += "\n\n";
        } else if (event->what == read_event::kind::heartbeat) {
            const auto now_ms = on.in().env().wall_now() / 1000;
            text = "event: ping\ndata: {\"timestamp\":" + std::to_string(now_ms) +
                   ",\"tail\":" + json_of(event->tail.value_or(stream_position())) + "}\n\n";
        } else {
            text = "data: [DONE]\n\n";
        }
        const bool written = co_await write(on.exchange, text);
        if (!written)
            co_return;
        if (!event || event->what == read_event::kind::end)
            break;
    }
    (void)co_await on.exchange.finish();
}

} // namespace

std::string last_event_id::text() const {
    return std::to_string(seq_num) + "," + std::to_string(count) + "," + std::to_string(bytes);
}

void last_event_id::resume(read_request& request) const {
    request.start.from = read_start::kind::seq_num;
    request.start.value = seq_num == ~std::uint64_t{0} ? seq_num : seq_num + 1;
    if (request.count)
        *request.count -= std::min(*request.count, count);
    if (request.bytes)
        *request.bytes -= std::min(*request.bytes, bytes);
}

std::optional<last_event_id> parse_last_event_id(std::string_view text) {
    last_event_id id;
    std::uint64_t* const parts[] = {&id.seq_num, &id.count, &id.bytes};
    const char* at = text.data();
    const char* const end = text.data() + text.size();
    for (std::size_t i = 0; i < 3; ++i) {
        const auto [behind, failed] = std::from_chars(at, end, *parts[i]);
        if (failed != std::errc() || (i < 2 ? behind == end || *behind != ',' : behind != end))
            return std::nullopt;
        at = behind + 1;
    }
    return id;
}

net::task<std::optional<reply>> serve_read(const call& on, read_session& session, const read_request& request,
                                           const read_mode& mode) {
    const outcome<void> started = co_await session.start();
    if (!started)
        co_return reply::of(started.error());
    if (mode.unary() && !request.may_follow()) {
        reply answer = co_await one_batch(session, mode);
        co_return answer;
    }
    if (!mode.unary()) {
        const auto type = mode.kind == read_mode::session ? "s2s/proto" : "text/event-stream";
        net::response_head head{200, session_fields(on, type)};
        const net::error_code failed = co_await on.exchange.respond(std::move(head));
        if (failed)
            co_return std::nullopt;
    }
    std::optional<reply> answer;
    bool advise = false;
    auto body = [&](net::task_group& group) -> net::task<void> {
        group.spawn([&] {
            return watch_drain(on.face, [&advise] { advise = true; }, [&session] { session.interrupt(); });
        });
        if (mode.kind == read_mode::session) {
            co_await stream_frames(on, session, mode, advise);
        } else if (mode.kind == read_mode::events) {
            co_await stream_events(on, session, mode);
        } else {
            reply whole = co_await one_batch(session, mode);
            answer = std::move(whole);
        }
    };
    co_await net::with_task_group(on.in().env(), body);
    co_return answer;
}

} // namespace s2::local
