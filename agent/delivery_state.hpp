#pragma once
// What must be known of one S2 stream's delivery after the process is gone (product "S2 delivery": delivery
// state belongs to a stream, not to a session), and the preallocated table of all of them.
//
// Order of storing: the highest seq sent and the sink's own records are in the table before their bytes are
// sent (the mapping survives the process); tokens, claims and the verdict that a stream is lost are synced as
// well.

#include "agent/session_table.hpp"
#include "agent/slot_file.hpp"
#include "s2/writer.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace agent {

constexpr std::size_t deliveries_max = 256;
constexpr std::size_t delivery_value_bytes_max = 16 * 1024;
constexpr std::size_t own_records_max = 16; // made by the sink, not yet acknowledged

// A record that the sink made itself: events_dropped at a gap, session_continued at the head of a part.
struct own_record {
    seq_t before_seq = 0; // it stands in front of the first envelope with this seq or a higher one
    seq_t covers_to = 0;  // the last seq of the gap that it accounts for; 0 for session_continued
    std::string line;
};

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
};

class delivery_table {
public:
    static net::result<std::unique_ptr<delivery_table>> open(net::environment& env,
                                                             const std::filesystem::path& state_dir);

    struct entry {
        std::size_t slot;
        delivery_state state;
    };

    // Pointers stay valid until the entry is removed.
    entry* find(const place& at, std::string_view stream);

    const std::vector<std::unique_ptr<entry>>& all() const { return entries_; }

    // Nothing when the table is full; the caller removes one that owes nothing first.
    entry* add(delivery_state fresh);
    void remove(entry& which);
    void store(const entry& which);
    net::error_code sync(); // blocking

    std::vector<std::string> damaged() const { return damaged_; } // slots that could not be read, for the log

private:
    std::unique_ptr<slot_file> slots_;
    std::vector<std::unique_ptr<entry>> entries_;
    std::vector<std::string> damaged_;
};

} // namespace agent
