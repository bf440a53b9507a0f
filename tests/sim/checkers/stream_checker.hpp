#pragma once
// Invariants 1 to 3, at each commit: within a stream every envelope is one that was published, byte for byte,
// each once, in seq order; a hole in the seqs of a stream is told by events_dropped where it stands.

#include "tests/sim/ledger.hpp"
#include "tests/sim/world.hpp"

#include <set>

namespace sim {

class stream_checker {
public:
    stream_checker(world& in, ledger& book)
        : world_(in)
        , book_(book) {}

    // From now on so many agents write; each session's seqs rise still.
    void agents(std::size_t count) { agents_ = count; }

    void committed(stream_id stream, std::uint64_t first_seq, std::span<const model_record> records);

    // Foreign records that the world itself put there begin so.
    static constexpr std::string_view foreign_body = "written by somebody else";

    std::uint64_t envelopes() const { return envelopes_; }

private:
    struct seen {
        std::map<std::string, seq_t> last_seq; // by session; one agent's rise over all its sessions
        std::set<std::uint64_t> numbers;
    };

    void check(stream_id stream, const model_record& record);
    void producers(stream_id stream, seen& there, std::string_view line, seq_t seq, std::string_view session);
    void own(stream_id stream, std::string_view line, std::optional<seq_t> seq, const std::string& session);
    [[noreturn]] void wrong(stream_id stream, const model_record& record, const std::string& what) const;

    world& world_;
    ledger& book_;
    std::map<stream_id, seen> streams_;
    std::uint64_t envelopes_ = 0;
    std::size_t agents_ = 1;
};

} // namespace sim
