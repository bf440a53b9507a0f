#pragma once
// What must be known of one S2 stream's delivery after the process is gone (product "S2 delivery": delivery
// state belongs to a stream, not to a session), and the preallocated table of all of them.
//
// Order of storing: the highest seq sent and the sink's own records are in the table before their bytes are
// sent (the mapping survives the process); tokens, claims and the verdict that a stream is lost are synced as
// well.

#include "agent/event/system_events.hpp"
#include "agent/state/session_table.hpp"
#include "agent/state/slot_file.hpp"
#include "s2/writer.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace agent {

// Twice as many as sessions: the rest is for continuations and new parts. Still it may be full, since each
// session may have left something in several streams; so whoever needs a slot asks first.
constexpr std::size_t deliveries_max = 2 * sessions_max;
constexpr std::size_t deliveries_of_format_1 = 256; // slots of the table that the first format had
constexpr std::size_t delivery_value_bytes_max = 16 * 1024;
// Made by the sink, not yet acknowledged:
constexpr std::size_t own_records_max = 16;     // events_dropped
constexpr std::size_t announced_parts_max = 32; // session_continued

// What a session_continued record is made of, beside its stream and the seq that it stands before.
struct announced_part {
    std::string session_id;
    continuation_reason reason = continuation_reason::storage;
    net::wall_micros ts = 0;

    bool operator==(const announced_part&) const = default;
};

// A record that the sink made itself: events_dropped at a gap, session_continued at the head of a part.
struct own_record {
    seq_t before_seq = 0; // it stands in front of the first envelope with this seq or a higher one
    seq_t covers_to = 0;  // the last seq of the gap that it accounts for; 0 for session_continued
    std::string line;
    std::optional<announced_part> part = {}; // stored in the place of the line, which is several times longer

    bool operator==(const own_record&) const = default;
};

own_record announcement(std::string_view stream, seq_t from_seq, announced_part part);

struct delivery_state {
    place at;
    std::string stream;
    s2::writer_memory memory;
    seq_t from_seq = 1;    // the first seq that this stream is to hold
    seq_t durable_seq = 0; // all of this stream up to it is acknowledged
    // Above durable_seq: up to here S2 has envelopes in the place of those that a crash of the machine took
    // from the ring. No bytes prove them ours; they count when the claim is complete.
    seq_t trusted_seq = 0;
    seq_t sent_seq = 0; // highest ever sent
    std::vector<own_record> own_records;
    bool lost = false; // another writer was found; nothing is appended here any more
    std::string lost_reason;
    std::string continued_as; // where it goes on then

    bool operator==(const delivery_state&) const = default;
};

// As it is stored. Nothing: of no such shape.
std::string to_json_text(const delivery_state& state);
std::optional<delivery_state> delivery_state_of_json(std::string_view text);

// Whether all that may still come to the state, but for records of the sink's own, fits its slot as well:
// more tokens, a verdict, longer numbers.
bool storable(const delivery_state& state);
// Whether one more record may come to it, and to those that are to come as well: both kinds have a maximum,
// and one kind leaves the other some room.
bool has_room_for(const own_record& one, const delivery_state& state,
                  std::span<const own_record> to_come = {});

// A state's text, for who stores it again and again: with each batch only numbers change, and only they are
// written anew then.
class delivery_text {
public:
    const std::string& of(const delivery_state& state); // until the next call

private:
    std::optional<delivery_state> made_of_; // what rest_ says, and numbers that mean nothing
    std::string rest_;                      // all but the numbers
    std::string whole_;
};

class delivery_table {
public:
    // Takes over the table of an earlier format, which had fewer slots.
    static net::result<std::unique_ptr<delivery_table>> open(net::environment& env,
                                                             const std::filesystem::path& state_dir);

    struct entry {
        std::size_t slot;
        delivery_state state;
        mutable delivery_text text = {}; // of the state as it was stored last
    };

    // Who keeps something of the streams, and goes by each change of what is stored of one.
    class listener {
    public:
        virtual void stream_added(const entry& added) = 0;
        virtual void stream_changed(const entry& changed) = 0;
        virtual void stream_gone(const entry& gone) = 0;

    protected:
        ~listener() = default;
    };

    void set_listener(listener* listening) { listener_ = listening; } // one; none to end it

    // Pointers stay valid until the entry is removed.
    entry* find(const place& at, std::string_view stream);

    const std::vector<std::unique_ptr<entry>>& all() const { return entries_; }

    // Nothing when the table is full (the caller removes one that owes nothing first), or the state is none
    // that is storable().
    entry* add(delivery_state fresh);
    void remove(entry& which);
    // False, and the stored value stays as it is, where the state has outgrown its slot: for a state that was
    // storable(), and to which no record came without has_room_for(), it can't be.
    bool store(const entry& which);
    net::error_code sync(); // blocking

    std::vector<std::string> damaged() const { return damaged_; } // slots that could not be read, for the log

private:
    listener* listener_ = nullptr;
    std::unique_ptr<slot_file> slots_;
    std::vector<std::unique_ptr<entry>> entries_;
    std::vector<std::string> damaged_;
};

} // namespace agent
