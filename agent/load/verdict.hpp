#pragma once
// Judges what a load's stream holds: every event once, in order, with the bytes that were published, and
// nothing else. Records are handed in as they stand in the stream; what should stand there is made anew.
// Plain.

#include "agent/load/events.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

constexpr std::size_t load_problems_max = 5; // told in words; all are counted

class load_verdict {
public:
    // Event n was published as seq `first_seq` + n of the session.
    load_verdict(load_events events, std::string session_id, seq_t first_seq, std::uint64_t published);

    // The next record, commands left out. `position`: its seq_num in the stream, for messages. A session's
    // envelope with a seq from `below_seq` on is left out: it counts where the session goes on (invariant 9).
    void take(std::string_view body, std::uint64_t position,
              seq_t below_seq = std::numeric_limits<seq_t>::max());

    struct counts {
        std::uint64_t read = 0; // events that are as published, each counted once
        std::uint64_t lost = 0;
        std::uint64_t repeated = 0;
        std::uint64_t out_of_order = 0;
        std::uint64_t altered = 0;
        std::uint64_t foreign = 0; // records that are not this load's
    };

    counts found() const;
    bool good() const;
    // "1000 of 1000 events read back, in order, each once", or what is wrong.
    std::string text() const;

    // The first few that were met, "record 17: seq 16 stands there a second time".
    const std::vector<std::string>& problems() const { return problems_; }

private:
    bool is_next(std::string_view body, seq_t below_seq);
    bool is_session_event(std::string_view type, seq_t seq);
    void take_event(std::uint64_t n, std::string_view body, std::uint64_t position);
    void take_foreign(std::uint64_t position, const std::string& what);
    void problem(std::uint64_t position, const std::string& what);

    load_events events_;
    std::string session_id_;
    seq_t first_seq_;
    std::uint64_t published_;
    std::vector<bool> seen_;
    std::uint64_t next_ = 0; // one behind the highest event seen
    std::uint64_t distinct_ = 0;
    counts found_; // lost is what was never seen
    bool began_ = false;
    bool ended_ = false;
    std::vector<std::string> problems_;
};

} // namespace agent
