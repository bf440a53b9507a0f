#include "agent/sinks/live_sink.hpp"

#include "agent/event/envelope_view.hpp"
#include "agent/event/system_events.hpp"
#include "net/assert.hpp"
#include "net/task/next_turn.hpp"

#include <algorithm>

namespace agent {
namespace {

void append_event(std::string& to, std::optional<seq_t> id, std::string_view envelope) {
    if (id) {
        to += "id: ";
        to += std::to_string(*id);
        to += '\n';
    }
    to += "data: ";
    to += envelope;
    to += "\n\n";
}

net::task<net::error_code> write_text(net::server_exchange& exchange, std::string_view text) {
    const net::asio::const_buffer buffer(text.data(), text.size());
    const net::error_code ec = co_await exchange.write(std::span(&buffer, 1));
    co_return ec;
}

} // namespace

struct live_sink::client {
    client(live_sink& owner, seq_t from, category_set wanted)
        : sink(owner)
        , cursor(owner.ring_, from)
        , categories(wanted)
        , place(owner.clients_.insert(owner.clients_.end(), this)) {}

    ~client() { sink.clients_.erase(place); }

    client(const client&) = delete;
    client& operator=(const client&) = delete;

    live_sink& sink;
    ring_cursor cursor;
    category_set categories;
    std::deque<std::string> announcements;
    std::string text; // to be written next
    std::list<client*>::iterator place;
};

live_sink::live_sink(net::environment& env, ring& journal, const session_table& sessions,
                     std::size_t clients_max)
    : env_(env)
    , ring_(journal)
    , sessions_(sessions)
    , clients_max_(clients_max)
    , said_(env) {}

live_sink::~live_sink() {
    NET_ASSERT(clients_.empty(), "the live sink outlives its clients");
}

void live_sink::announce(std::string envelope) {
    for (auto* to : clients_) {
        if (to->announcements.size() >= live_announcements_max)
            to->announcements.pop_front(); // the newest state is what counts
        to->announcements.push_back(envelope);
    }
    said_.notify();
}

void live_sink::end() {
    ended_ = true;
    said_.notify();
}

seq_t live_sink::first_position(const live_request& request) const {
    if (request.after && *request.after <= ring_.last_seq())
        return *request.after + 1;
    if (request.after || request.replay_all)
        return ring_.first_seq();
    return ring_.next_seq();
}

net::response_head live_response_head() {
    net::response_head head;
    head.fields = {
        {"content-type", "text/event-stream"}, {"cache-control", "no-cache"}, {"x-accel-buffering", "no"}};
    return head;
}

net::task<void> live_sink::serve(net::server_exchange& exchange, live_request request) {
    NET_ASSERT(!full(), "the live sink has no more clients than it may");
    client one(*this, first_position(request), request.categories);
    net::response_head head = live_response_head();
    const net::error_code ec = co_await exchange.respond(std::move(head));
    if (!ec)
        co_await stream_to(exchange, one);
}

net::task<void> live_sink::stream_to(net::server_exchange& exchange, client& to) {
    auto comment_at = net::saturating_add(env_.now(), live_comment_every);
    for (;;) {
        const bool more = collect(to);
        if (to.text.empty() && ended_ && !more)
            break;
        if (to.text.empty() && env_.now() >= comment_at)
            to.text = ": quiet\n\n"; // also while only other categories come
        if (to.text.empty() && more) {
            co_await net::next_turn(env_);
            continue;
        }
        if (to.text.empty()) {
            co_await net::wait_any_until(comment_at, ring_.appended(), said_);
            continue;
        }
        const net::error_code ec = co_await write_text(exchange, to.text);
        if (ec)
            co_return; // the client is gone
        to.text.clear();
        if (to.text.capacity() > 2 * live_write_bytes)
            to.text.shrink_to_fit(); // after one very large envelope
        comment_at = net::saturating_add(env_.now(), live_comment_every);
    }
    co_await exchange.finish();
}

// Fills the client's text; true: there may be more in the ring.
bool live_sink::collect(client& to) {
    for (; !to.announcements.empty(); to.announcements.pop_front())
        append_event(to.text, std::nullopt, to.announcements.front());
    for (std::size_t scanned = 0; to.text.size() < live_write_bytes && scanned < live_scan_bytes_max;) {
        const auto item = to.cursor.next();
        if (std::holds_alternative<ring_cursor::nothing>(item))
            return false;
        if (const auto* gap = std::get_if<ring_gap>(&item)) {
            const auto piece = first_piece(sessions_, *gap);
            const auto told = events_dropped_envelope(gap_session(piece), piece.gap,
                                                      std::max<net::wall_micros>(env_.wall_now(), 0));
            append_event(to.text, piece.gap.to_seq, told);
            to.cursor.seek(piece.gap.to_seq + 1);
            continue;
        }
        const auto& entry = std::get<ring_entry>(item);
        scanned += entry.line.size();
        if (to.categories.all() || contains(to.categories, category_of_envelope(entry.line)))
            append_event(to.text, entry.seq, entry.line);
    }
    return true;
}

std::string_view live_sink::gap_session(const gap_piece& piece) const {
    const auto* session = piece.session != nullptr ? piece.session : sessions_.latest();
    return session ? std::string_view(session->id) : std::string_view();
}

} // namespace agent
