#pragma once
// The live sink: every SSE client (GET /events/stream) reads the ring with a cursor of its own.
//
// 1. A client that reads slowly delays nobody: its write waits, its cursor is overtaken, and then it is told
//    by an events_dropped event with the id of the last one that it missed.
// 2. What is written is copied out of the ring first; nothing of the ring is held across an await.
// 3. Per client at most live_write_bytes (or one envelope) and live_announcements_max announcements are in
//    memory.
// 4. Without clients there are no timers; with quiet ones a comment every live_comment_every.
//
// The wire form: `id: SEQ`, `data: ENVELOPE`, empty line. Announcements (session_continued,
// system_durable_error) have no id, so that Last-Event-ID stays that of the last envelope. The category
// filter is for the ring's envelopes; what the sink itself has to say always passes.

#include "agent/event/category.hpp"
#include "agent/ring/ring.hpp"
#include "agent/session/gap_piece.hpp"
#include "agent/state/session_table.hpp"
#include "net/http/message.hpp"
#include "net/task/condition.hpp"

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>

namespace agent {

constexpr std::size_t live_clients_default = 200;
constexpr std::size_t live_write_bytes = 64 * 1024;
constexpr std::size_t live_announcements_max = 16;
constexpr std::size_t live_scan_bytes_max =
    1024 * 1024; // read without a match before other work gets its turn
constexpr net::duration live_comment_every = std::chrono::seconds(15);

struct live_request {
    // The last seq that the client has. Higher than any of this ring: it is of another life, whose seqs say
    // nothing here, and the client gets all that there is.
    std::optional<seq_t> after;
    bool replay_all = false; // without `after`: from the ring's oldest; else from now
    category_set categories = all_categories();
};

net::response_head live_response_head();

class live_sink {
public:
    live_sink(net::environment& env, ring& journal, const session_table& sessions,
              std::size_t clients_max = live_clients_default);
    ~live_sink(); // no client may be left

    bool full() const { return clients_.size() >= clients_max_; }

    std::size_t clients() const { return clients_.size(); }

    // The response to one request, until the client or the sink has ended. Not when full().
    net::task<void> serve(net::server_exchange& exchange, live_request request);

    // An envelope without seq, to everybody who is connected now.
    void announce(std::string envelope);
    // After session_ended is in the ring: every client gets what is there, and then its response ends. New
    // ones too.
    void end();

private:
    struct client;

    seq_t first_position(const live_request& request) const;
    net::task<void> stream_to(net::server_exchange& exchange, client& to);
    bool collect(client& to);
    std::string_view gap_session(const gap_piece& piece) const;

    net::environment& env_;
    ring& ring_;
    const session_table& sessions_;
    std::size_t clients_max_;
    std::list<client*> clients_;
    net::condition said_; // clients have an announcement to write, or the end has come
    bool ended_ = false;
};

} // namespace agent
