#pragma once
// Exactly once into one stream: the decide half (§8.2, §8.3; product "S2 delivery" and invariants 3 and 9).
// No I/O, no clock: the owner performs next() and reports what came of it.
//
// Invariants
// 1. Every append carries match_seq_num and this incarnation's token. A batch keeps its boundaries and its
//    match from freeze() until it is resolved: acknowledged, or found byte for byte where it belongs. An ack
//    answers the oldest batch, which must have been sent whole, and fits it.
// 2. Nothing is appended before this incarnation's fence is acknowledged (a barrier: everything below it is
//    final) and everything between the durable position and the fence has been judged.
// 3. A candidate token is in the stored set of own tokens before the fence that names it is sent; only a
//    fence known to stand reduces the set to its token.
// 4. A number alone proves nothing: after a 412 the records in question are read and judged one by one.
// 5. Another writer's record or token, a stream that is gone, shorter than what was acknowledged, or trimmed
//    where it had to be read, is final: `lost`. The writer never appends to that stream again.

#include "s2/batch.hpp"
#include "s2/error.hpp"

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace s2 {

constexpr std::size_t own_tokens_max = 64; // claims that were never acknowledged, one per incarnation

// What must outlive the process. The owner stores it (synced) when asked.
struct writer_memory {
    std::vector<std::string> tokens;         // own tokens: those whose fence may stand
    bool claimed = false;                    // a claim has been acknowledged and what lay below it resolved
    std::optional<std::uint64_t> first_tail; // the tail that the first attempt of the first claim saw
    std::uint64_t durable = 0;               // everything below is final and accounted for
    bool empty_claim = false;                // a continuation: claimed with match 0 and an empty token

    bool operator==(const writer_memory&) const = default;
};

enum class proof { acknowledged, read_back };

// The owner's knowledge of what it wrote.
class record_judge {
public:
    virtual ~record_judge() = default;
    // The oldest batch is durable, by that proof.
    virtual void on_durable(std::unique_ptr<batch_content> content, proof how) = 0;
    // Whether this record (not a command) is the next of ours; the owner counts it as durable then.
    virtual bool is_ours(const sequenced_record& record) = 0;
    // Whether a record that stood there before our first claim shows that another writer writes our sessions.
    virtual bool shows_another_writer(const sequenced_record& record) = 0;
    // Whether it stood there before anything of ours existed: nothing below it shows another writer then.
    virtual bool predates_ours(const sequenced_record& record) = 0;
};

struct writer_action {
    enum class kind {
        check_tail,    // → on_tail / on_failure
        store_memory,  // memory(), synced → on_stored
        fence,         // append fence(token) with match and condition → on_fenced / on_failure
        create_stream, // → on_created / on_failure
        read,          // [from, to) → on_page until it says enough / on_failure
        open,          // an append session → on_opened / on_failure
        send,          // the next batch of batches() → on_sending, before its first byte goes out
        half_close,    // no more sends, acks go on → on_half_closed, later on_session_end
        ready,         // nothing to do before an ack, a new batch, or a wish
        lost,          // final: another writer; see lost_reason()
    };
    kind what = kind::ready;
    std::uint64_t match = 0;
    std::optional<std::string> condition;
    std::string token;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};

class writer {
public:
    // `token`: fresh for this incarnation, at most 36 bytes.
    writer(writer_memory memory, std::string token, record_judge& judge);

    writer_action next() const;

    const writer_memory& memory() const { return memory_; }

    // --- reports
    void on_tail(std::uint64_t tail);
    void on_stored();
    void on_fenced(std::uint64_t position);
    void on_created();
    // Records in order from where the read stands; true: go on reading. An empty page below `to` means gone.
    bool on_page(const std::vector<sequenced_record>& records);
    void on_opened();
    batch& on_sending(); // the batch that goes out now
    // Nothing: as expected, the oldest batch is durable. Else how the server broke the rules: end the session.
    // `handed_over`: bytes of the session that have left.
    std::optional<std::string> on_ack(const append_ack& ack, std::uint64_t handed_over);
    // The session, or the action in progress, failed. Returns what the owner does before asking next() again:
    // retry (after a backoff), park_sink, park_stream, cancelled; condition_failed and the like are handled
    // inside (retry at once: verdict::range is returned as "nothing to wait for").
    enum class pause { none, back_off, park_sink, park_stream, cancelled };
    pause on_failure(const error& failure);
    // The session's orderly end after half_close, or a clean end by the server.
    pause on_session_end();
    void on_half_closed();
    void on_reconnect_advised(); // finish what is out, then a new session
    void close_session();        // the same, wished by the owner (idle, or the drain of a teardown)

    // --- batches
    // Claimed, and not reading back what became of a batch: only then is there a next position to freeze at.
    bool appending() const { return phase_ == phase::appending; }

    // The next records become a batch; appending() must hold.
    void freeze(std::unique_ptr<batch_content> content);

    const std::deque<batch>& batches() const { return batches_; } // unresolved, oldest first

    std::uint64_t in_flight_bytes() const { return in_flight_bytes_; }

    std::uint64_t next_seq_num() const { return next_; }

    bool session_open() const { return session_ != session::none; }

    bool session_takes_batches() const { return session_ == session::open; } // it is not being closed

    const std::string& lost_reason() const { return lost_reason_; }

private:
    enum class phase {
        tail, // before the claim
        store_candidate,
        fence,
        create,
        find_fence,    // an ambiguous unconditional fence: is the record at match_ ours?
        recover,       // judge [durable, fence)
        inspect,       // never acknowledged before: are there envelopes of our sessions below first_tail?
        recover_first, // after that, [first_tail, fence) for an own fence, then as recover
        store_claim,
        appending,
        compare, // a 412 on a batch: judge [oldest match, compare_to_)
        assess,  // fenced out, also while claiming: which of ours landed? then lost
        lost,
    };
    enum class session { none, open, closing, draining };

    void begin_read(phase why, std::uint64_t from, std::uint64_t to);
    void fence_stands(std::uint64_t position);
    void inspect_below(std::uint64_t end);
    void inspected();
    void claim_complete();
    bool judge_next(const sequenced_record& record);
    void judged_to(std::uint64_t position);
    void finish_read();
    void lose(std::string reason);
    void assess_then_lose(std::string reason);
    bool reading() const;
    bool own_token(const std::string& token) const;
    pause on_claim_failure(const error& failure, verdict what);
    pause on_read_failure(verdict what);
    pause on_append_failure(const error& failure, verdict what);
    pause on_fence_mismatch(const error& failure);
    pause on_batch_mismatch(const error& failure);
    void session_gone();
    std::optional<std::string> violation(const append_ack& ack, std::uint64_t handed_over) const;
    void resolve_below(std::uint64_t position, proof how);

    writer_memory memory_;
    std::string token_;
    record_judge& judge_;
    phase phase_ = phase::tail;
    session session_ = session::none;

    std::uint64_t match_ = 0; // of the fence
    std::optional<std::string> condition_;
    bool fence_ambiguous_ = false; // a copy of the fence may be on its way to match_
    std::uint64_t fence_ = 0;      // where it stands
    std::uint32_t fence_tries_ = 0;

    std::uint64_t read_from_ = 0;
    std::uint64_t read_to_ = 0;
    bool own_fence_seen_ = false;
    bool older_gone_ = false; // nothing can be read below what was read
    bool older_seen_ = false; // an envelope older than all that is ours

    std::deque<batch> batches_;
    std::size_t sent_ = 0; // of batches_, in this session
    std::uint64_t in_flight_bytes_ = 0;
    std::uint64_t next_ = 0;
    std::string lost_reason_;
};

} // namespace s2
