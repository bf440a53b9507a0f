#pragma once
// The capture sessions of one state directory and where each one's envelopes went: what `replay`, the API's
// answers and a later agent need to know after everything else is gone. Kept in a preallocated slot file;
// bounded: sessions that have ended and owe nothing leave it for the history, and where that does not take
// them, the oldest gives way when it is full.
//
// A session's parts say where its envelopes went: part i holds the session's seqs from parts[i].from_seq up
// to the next part's. Its spans say which seqs may still matter to somebody:
//
// 1. In a span no other session has any seq: what is owed, dropped or told of a gap is found by it.
// 2. A session that is reopened before another one began goes on in its last span.
// 3. A closed span is settled when nothing of it is owed: all of it is durable, or told as dropped, in each
//    stream that it lies in. That never changes again. What is owed, the counts, recovery and the gaps that
//    S2 is told of all begin above a stream's durable seq, what is read back goes by the parts, and the
//    ring's frames carry the session's number; so a settled span is of use only to name the session of a gap
//    that a slow log reader or a file meets. A record that is full of spans forgets the oldest settled one.

#include "agent/event/category.hpp"
#include "agent/ring/ring.hpp"
#include "agent/state/slot_file.hpp"
#include "net/clock.hpp"

#include <compare>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace agent {

constexpr std::size_t sessions_max = 256;
constexpr std::size_t session_spans_max = 32;
constexpr std::size_t session_parts_max = 16;
constexpr std::size_t session_stored_bytes_max = 16 * 1024;

constexpr std::string_view embedded_store_file = "store.db"; // in the state directory

// A basin behind an endpoint's scheme, host and port; what was recorded for one place goes to no other.
struct place {
    std::string basin;
    std::string account_endpoint; // as configured; "" for the embedded store
    std::string basin_endpoint;   // with {basin} as configured; "" for the embedded store

    bool embedded() const { return basin_endpoint.empty(); }

    auto operator<=>(const place&) const = default;
    std::string text() const; // "basin at https://…", "the embedded store"
};

struct session_part {
    place at;
    std::string stream;
    seq_t from_seq = 0;

    bool operator==(const session_part&) const = default;
};

struct session_span {
    seq_t from_seq = 0;
    seq_t to_seq = 0; // inclusive; 0 while the span is open

    bool operator==(const session_span&) const = default;
};

// What became of producers' events.
struct event_counts {
    std::uint64_t published = 0;
    std::uint64_t durable = 0;
    std::uint64_t dropped = 0;

    event_counts& operator+=(const event_counts& more) {
        published += more.published;
        durable += more.durable;
        dropped += more.dropped;
        return *this;
    }

    bool operator==(const event_counts&) const = default;
};

// What a session lost with one segment of the ring. A process that is killed before the ring has noted that
// the segment goes finds it again: it is known by its generation.
struct segment_fold {
    std::uint64_t generation = 0; // 0: none
    seq_t first_seq = 0;          // of the segment
    event_counts events;

    bool operator==(const segment_fold&) const = default;
};

struct session_record {
    std::uint32_t number = 0; // rises with each session of the state directory; what the ring's frames carry
    std::string id;
    net::wall_micros created_at = 0;
    category_set categories = all_categories();
    bool active = false;
    std::string end_reason; // of the last end
    std::vector<session_span> spans;
    std::vector<session_part> parts; // at least one
    // Its producers' events that have left the ring; what the ring still holds of it, the ring counts.
    event_counts gone;      // the last segment's apart
    segment_fold last_gone; // which counts only while the ring has no such segment
    seq_t gone_to = 0;      // no segment with a higher seq has gone
    // Not 0: `gone` counts all up to this seq, whether it has left the ring or not. So it is in a record of
    // an earlier version, and of a session that comes back from the history.
    seq_t whole_to = 0;

    seq_t first_seq() const { return spans.empty() ? 0 : spans.front().from_seq; } // not forgotten yet

    bool holds(seq_t seq) const;

    // Goes on with this seq. `nobody_between`: no session has begun since it ended.
    void open_span(seq_t from_seq, bool nobody_between);
};

// Who keeps something of the sessions' spans and parts, and goes by each change of them.
class session_listener {
public:
    virtual void session_changed(const session_record& session) = 0; // a new one as well
    virtual void session_gone(std::uint32_t number) = 0;

protected:
    ~session_listener() = default;
};

class session_table {
public:
    // In memory without a state directory. error::corrupt where a slot can't be read: what its session owes
    // would be lost.
    static net::result<std::unique_ptr<session_table>> open(net::environment& env,
                                                            const std::filesystem::path& state_dir);

    // As it was at one moment, for another than its agent, which may be running: the file is only read, and
    // what is changed here stays here. Empty where the agent has not finished making it.
    static net::result<std::unique_ptr<session_table>> open_to_read(net::environment& env,
                                                                    const std::filesystem::path& state_dir);

    void set_listener(session_listener* listener) { listener_ = listener; } // one; none to end it

    // Newest last. Pointers stay valid while the table lives, unless the session gave way.
    const std::list<session_record>& all() const { return sessions_; }

    const session_record* find(std::string_view id) const;
    const session_record* find(std::uint32_t number) const;

    const session_record* active() const { return active_; }

    const session_record* latest() const; // the session started (or reopened) last

    // Whether one was started or reopened since the table was opened: the latest.
    bool any_started() const { return started_ != 0; }

    // The one that holds this seq, else the latest (for what a sink says about a gap); nothing in an empty
    // table.
    const session_record* at_seq(seq_t seq) const;

    // Changes whenever a session's spans or parts may have changed; for those who remember an answer.
    std::uint64_t generation() const { return generation_; }

    // Whether the disk has the active session's last start, so that an agent knows of it also after a crash
    // of the machine, and can tell what is missing of it. In memory, which outlives nothing: at once.
    bool start_stored() const { return !on_disk_ || started_ <= stored_; }

    // Why it does not, where that was tried.
    const net::error_code& start_failure() const { return start_failure_; }

    // A sync() that began at this generation has ended so.
    void on_synced(std::uint64_t generation, const net::error_code& outcome);

    // Whether there is a slot for one more, or a session that gives way to it: `may_go` says of an ended one
    // that it owes nothing.
    bool has_room(const std::function<bool(const session_record&)>& may_go) const;
    // Nothing where there is none. One that has ended, and comes back, stands among the others by its last
    // start, and has a number of its own like any other.
    const session_record* add(session_record fresh, const std::function<bool(const session_record&)>& may_go);
    // Whether it may leave, by what the table needs: neither the active, the latest, nor the one whose slot
    // keeps the highest number, so that no number comes twice.
    bool may_leave(const session_record& session) const;
    void remove(std::uint32_t number); // one that may leave

    // How many gave way that are in no history, since the table was opened.
    std::uint64_t forgotten() const { return forgotten_; }

    // Changes one and stores it (not synced: see sync). The result must be storable().
    void update(std::uint32_t number, const std::function<void(session_record&)>& change);
    // Within the maxima above, and small enough for its slot, whatever its counts come to.
    static bool storable(const session_record& record);
    net::error_code sync(); // blocking

private:
    session_table() = default;
    static net::result<std::unique_ptr<session_table>> load(std::unique_ptr<slot_file> slots);
    session_record* find_mutable(std::uint32_t number);
    void store(const session_record& record);
    void started();
    void end_before(session_record& earlier, const session_record& later);

    session_listener* listener_ = nullptr;
    std::unique_ptr<slot_file> slots_;
    std::list<session_record> sessions_; // by the seq of their last start: the newest last
    session_record* active_ = nullptr;
    std::vector<std::uint32_t> slot_of_; // number per slot; 0 is free
    std::uint32_t last_number_ = 0;
    std::uint64_t generation_ = 1;
    std::uint64_t forgotten_ = 0;
    bool on_disk_ = false;
    std::uint64_t started_ = 0; // the generation at the last start of this run,
    std::uint64_t stored_ = 0;  // and the one that the disk has
    net::error_code start_failure_;
};

} // namespace agent
