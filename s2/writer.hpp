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

#include "s2/append_queue.hpp"
#include "s2/error.hpp"
#include "s2/fence_claim.hpp"
#include "s2/reading.hpp"
#include "s2/writer_action.hpp"
#include "s2/writer_memory.hpp"

#include <optional>
#include <string>
#include <vector>

namespace s2 {

class writer {
public:
    using pause = writer_pause;

    // `token`: fresh for this incarnation, at most 36 bytes.
    writer(writer_memory memory, std::string token, record_judge& judge);

    writer_action next() const;

    const writer_memory& memory() const { return memory_; }

    // --- reports
    void on_tail(std::uint64_t tail);
    void on_stored();
    void on_fenced(std::uint64_t position); // it stands there
    void on_created();
    // Records in order from where the read stands. An empty page below `to` means gone.
    void on_page(const std::vector<sequenced_record>& records);
    // Nothing: as expected, the oldest batch is durable. Else how the server broke the rules: end
    // the session. `handed_over`: bytes of the session that have left.
    std::optional<std::string> on_ack(const append_ack& ack, std::uint64_t handed_over);
    // The session, or the action in progress, failed. Returns what the owner does before asking next() again:
    // retry (after a backoff), park_sink, park_stream, cancelled; condition_failed and the like are handled
    // inside (retry at once: verdict::range is returned as "nothing to wait for").
    pause on_failure(const error& failure);
    // The session's orderly end after half_close, or a clean end by the server.
    pause on_session_end();

    // --- batches
    // Claimed, and not reading back what became of a batch: only then is there a next position to freeze at.
    bool appending() const { return phase_ == phase::appending; }

    // The next records become a batch; appending() must hold.
    void freeze(std::unique_ptr<batch_content> content);

    // What is out, and its session: the owner reports there what becomes of that.
    append_queue& out() { return out_; }

    const append_queue& out() const { return out_; }

    const std::string& lost_reason() const { return lost_reason_; }

private:
    enum class phase { tail, store_candidate, fence, create, read, store_claim, appending, lost };

    void begin_read(reading range);
    void act_on(const read_verdict& verdict);
    void range_judged();
    std::uint64_t first_of_ours() const;
    void claim_complete();
    void lose(std::string reason);
    void fenced_out(const std::string& token);
    pause on_claim_failure(const error& failure, verdict what);
    pause on_fence_mismatch(const error& failure);
    pause on_append_failure(const error& failure, verdict what);
    pause on_batch_mismatch(const error& failure);

    writer_memory memory_;
    record_judge& judge_;
    phase phase_ = phase::tail;
    fence_claim fence_;
    std::optional<reading> reading_; // in phase::read
    append_queue out_;
    std::string lost_reason_;
};

} // namespace s2
