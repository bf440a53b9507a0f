#pragma once
// One read of a stream, unary or session (§2.6, §2.7): catches up from the storage, then follows.
//
// Invariants:
// 1. Only durable records are delivered, in order, each once; trimmed and expired ones are skipped silently.
// 2. A batch never exceeds 1000 records or 1 MiB metered, nor the read's own limits.
// 3. Only batches delivered while following carry a tail, and heartbeats do.

#include "s2/local/store.hpp"

namespace s2::local {

struct read_request {
    read_start start;
    std::optional<std::uint64_t> count;
    std::optional<std::uint64_t> bytes; // metered
    std::optional<std::uint64_t> until; // exclusive timestamp
    std::optional<net::duration> wait;

    bool nothing_wanted() const { return count == 0 || bytes == 0; }

    // Whether it goes on at the tail (the table in §2.6).
    bool may_follow() const {
        return (!count && !bytes && !until) || (wait && *wait > net::duration::zero());
    }
};

// Collects records of rows up to a limit. Whole rows are copied as they are stored: a ReadBatch in protobuf.
class record_chunk {
public:
    struct limits {
        std::uint64_t from_seq; // earlier records of a row are skipped
        std::uint64_t below_seq;
        std::uint64_t count_max;
        std::uint64_t metered_max;
        std::optional<std::uint64_t> until;
        std::optional<std::uint64_t> count_wanted; // the read's own limits: met or exceeded, the read ends
        std::optional<std::uint64_t> metered_wanted;
    };

    explicit record_chunk(limits within)
        : limits_(within) {}

    enum class added { all, full, ended, damaged };
    // all: go on with the next row; full: the chunk is, the read goes on; ended: a limit of the read, or
    // `until`.
    added add(const batch_row& row);

    const std::string& data() const { return data_; }

    std::string take() { return std::move(data_); }

    std::uint64_t count() const { return count_; }

    std::uint64_t metered() const { return metered_; }

    stream_position last() const { return last_; } // of the last record

private:
    bool beyond(std::uint64_t count, std::uint64_t metered, std::uint64_t count_max,
                std::uint64_t metered_max) const;
    added add_one_by_one(const batch_row& row);

    limits limits_;
    std::string data_;
    std::uint64_t count_ = 0;
    std::uint64_t metered_ = 0;
    stream_position last_;
};

struct read_event {
    enum class kind { batch, heartbeat, end };
    kind what = kind::end;
    std::string records; // of batch: ReadBatch in protobuf, without tail
    std::uint64_t count = 0;
    std::uint64_t metered = 0;
    stream_position last;                // of the last record
    std::optional<stream_position> tail; // of a batch while following, and of heartbeats
};

class read_session {
public:
    read_session(store& from, stream_handle stream, read_request request);
    ~read_session();
    read_session(const read_session&) = delete;
    read_session& operator=(const read_session&) = delete;

    // Where to begin, or 416. To be called once, first.
    net::task<outcome<void>> start();
    net::task<outcome<read_event>> next();
    // The next next(), or the one that waits, ends with 503 server_draining.
    void interrupt();

private:
    net::task<outcome<std::optional<read_event>>> catch_up();
    std::optional<read_event> from_recent();
    read_event deliver(record_chunk& chunk, std::optional<stream_position> tail);
    record_chunk::limits limits() const;
    void follow(bool on);
    void arm_heartbeat();

    store& store_;
    net::environment& env_;
    stream_handle stream_;
    read_request request_;
    std::uint64_t position_ = 0;
    bool ended_ = false;
    bool interrupted_ = false;
    bool following_ = false;
    net::time_point wait_until_ = net::never;
    bool wait_armed_ = false;
    net::time_point heartbeat_at_ = net::never;
};

} // namespace s2::local
