#pragma once
// The file sink: <dir>/<category>.log, one envelope per line, each once per file, also over kill -9.
//
// 1. The position (.position in the directory: a seq and its session's id) says that every envelope up to it
//    is in its file. It is stored behind the writes; what a killed agent wrote past it is found by each
//    file's last line, and not written again there. So files that were rotated away are not filled again.
// 2. A last line without its end (cut short by a crash) is cut off at start.
// 3. A position or last line whose session the table does not know is of another life: its seq means nothing
//    here.
// 4. A gap is an events_dropped line in system.log.
// 5. Writing is on the helper thread, one batch of at most file_batch_bytes (or one envelope) at a time. A
//    failing disk stops only this sink: said once, counted, tried again with the next envelopes, at growing
//    intervals. Meanwhile they wait in the ring, and what the ring lets go becomes a gap. No timer runs for
//    it.
// 6. A file that was moved or removed is noticed before the next write, and a new one opened.
// 7. Announcements (envelopes without seq, made by the S2 sink) are lines of system.log; a crash may cost
//    them.

#include "agent/ring/ring.hpp"
#include "agent/session/gap_piece.hpp"
#include "agent/state/session_table.hpp"
#include "agent/state/slot_file.hpp"
#include "net/retry.hpp"
#include "net/task/condition.hpp"

#include <array>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace agent {

constexpr std::size_t file_batch_bytes = 256 * 1024;
constexpr std::size_t file_announcements_max = 16;
// How far back a file is read for its last line with a seq.
constexpr std::uint64_t file_tail_bytes_max = 2 * (envelope_bytes_max + 1);

struct file_sink_status {
    bool failing = false;
    std::string reason;         // of the last failure, while failing
    std::uint64_t failures = 0; // writes that failed
    std::uint64_t missed = 0;   // envelopes that no file has: gaps met
    seq_t written_seq = 0;      // everything up to it is in its file, or missed
};

class file_sink {
public:
    // Looks at the files and finds where to go on. Blocking.
    static net::result<std::unique_ptr<file_sink>>
    open(net::environment& env, ring& journal, const session_table& sessions, std::filesystem::path dir);

    // Until end(), and then until the ring's end is written or the last try has failed.
    net::task<void> run();
    void end();
    // Somebody has moved the files away, or is about to remove them: what comes next goes into new ones.
    void reopen();
    // An envelope without seq, for system.log.
    void announce(std::string envelope);

    file_sink_status status() const { return status_; }

private:
    struct log_file {
        std::unique_ptr<net::file> handle; // opened at its first line
        std::optional<std::string>
            left_with;      // the fingerprint of what stood at its path after the last write
        seq_t last_seq = 0; // in the file
        std::string pending;
        seq_t pending_seq = 0;
    };

    file_sink(net::environment& env, ring& journal, const session_table& sessions, std::filesystem::path dir);
    net::error_code recover();
    net::error_code recover_file(category of);
    seq_t last_seq_in(std::string_view lines) const;
    bool ours(std::string_view session_id) const;
    std::filesystem::path path_of(category of) const;

    bool collect();
    void add_line(category to, seq_t seq, std::string_view line);
    void add_gap(const gap_piece& piece);
    bool pending() const;
    net::error_code open_file(category of);
    net::error_code
    write_pending(); // on the helper thread, and nothing else of this object then, but announce() and end()
    void store_position(); // the same
    void written();
    void failed(net::error_code why);

    net::environment& env_;
    ring& ring_;
    const session_table& sessions_;
    std::filesystem::path dir_;
    std::unique_ptr<slot_file> position_;
    std::array<log_file, category_count> files_;
    ring_cursor cursor_;
    seq_t batch_to_ = 0; // of what was collected last
    std::string batch_session_;
    std::deque<std::string> announcements_;
    net::retry retry_;
    net::time_point next_try_{};
    file_sink_status status_;
    net::condition told_; // there is an announcement to write, an order to reopen, or the end
    bool reopening_ = false;
    bool ended_ = false;
};

} // namespace agent
