#pragma once
// What one S2 stream is to hold, in order: the envelopes of its sessions out of the ring, an events_dropped
// record at each gap, a session_continued record at its head where it continues another stream. It gives the
// next records to send, and judges records that were read back, both against the same order.
//
// 1. What has been gathered or sent and is not resolved is under one ring hold, so its views stay valid.
// 2. A record that the sink made is in the delivery state (own_records) before it is sent, and leaves it when
//    it is durable, or when a claim has shown that it never landed (it is made anew then, with what the ring
//    lacks by now).
// 3. durable_seq moves over an envelope only by an acknowledgement or by a judged record, and over a gap only
//    with the events_dropped record that tells of it, or when S2 has what a machine crash took from the ring:
//    then behind all that was to be judged (accept_trusted).

#include "agent/delivery/batch_policy.hpp"
#include "agent/ring/ring.hpp"
#include "agent/session/gap_piece.hpp"
#include "agent/state/delivery_table.hpp"
#include "s2/protobuf.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

namespace agent {

struct gathered_batch final : s2::batch_content {
    std::vector<s2::record_view> records;
    std::deque<std::string> made; // lines of the sink's own records among them
    std::uint64_t metered_bytes = 0;
    net::time_point first_at{}; // when the first of them was gathered
    seq_t last_seq = 0; // the highest seq that it covers, gaps included; 0: none (session_continued alone)

    std::span<const s2::record_view> views() const override { return records; }

    std::uint64_t metered_size() const override { return metered_bytes; }

    void clear(); // what it has allocated serves the next batch
};

class stream_feed final : public s2::record_judge {
public:
    stream_feed(net::environment& env, ring& journal, session_table& sessions, delivery_state& state);
    ~stream_feed() override;

    // Sending starts behind what is durable (after a claim has resolved what an earlier incarnation sent).
    void start();
    // Takes what the ring has into the batch that is being gathered, as far as it fits.
    void gather(net::time_point now);

    bool started() const { return cursor_ != nullptr; }

    waiting_records waiting() const {
        return {gathering_->records.size(), gathering_->metered_bytes, gathering_->first_at, full_};
    }

    // Whether the ring may hold more of this stream than was gathered.
    bool more() const { return cursor_ && cursor_->position() <= journal_.last_seq(); }

    bool idle() const { return cursor_ && gathering_->records.empty() && !more(); }

    // The gathered batch; its own records and highest seq are in the state then, which the caller stores
    // before sending.
    std::unique_ptr<gathered_batch> take();

    // All that was read back is judged: what was taken for ours without the bytes to prove it counts as
    // durable.
    void accept_trusted();

    // Up to here the records that were read back are judged.
    seq_t judged_to() const { return std::max(state_.durable_seq, state_.trusted_seq); }

    // Whether this stream is to hold that envelope.
    bool wants(const ring_entry& entry) const;
    bool wants(const session_record& session, seq_t seq) const;

    void on_durable(std::unique_ptr<s2::batch_content> content, s2::proof how) override;
    bool is_ours(const s2::sequenced_record& record) override;
    bool shows_another_writer(const s2::sequenced_record& record) override;
    bool predates_ours(const s2::sequenced_record& record) override;

private:
    struct part_answer {
        std::uint32_t session = 0;
        std::uint64_t generation = 0; // of the table that was asked
        seq_t from = 0;
        seq_t below = 0;
        bool wanted = false;
    };

    part_answer part_at(const session_record& session, seq_t seq) const;
    bool wants_next(const ring_entry& entry);
    std::vector<gap_piece> pieces_of(const ring_gap& gap) const;
    bool gather_gap_piece(const gap_piece& piece, net::time_point now);
    bool gather_gap(const ring_gap& gap, net::time_point now);
    bool gather_entry(const ring_entry& entry, net::time_point now);
    bool gather_stored_before(seq_t seq, net::time_point now);
    void add(std::string_view body, std::uint64_t timestamp, net::time_point now);
    bool has_part_here(const session_record& session) const;
    const session_record* session_of_stream(std::string_view session_id) const;
    bool stands_next(const s2::sequenced_record& record);
    bool lost_from_ring(const s2::sequenced_record& record, seq_t above, const ring_gap& gap) const;
    void cover(seq_t last);
    void pop_own_record();
    void release_hold();

    net::environment& env_;
    ring& journal_;
    session_table& sessions_;
    delivery_state& state_;
    std::unique_ptr<ring_cursor> cursor_; // of sending
    std::unique_ptr<ring_hold> hold_;
    std::unique_ptr<ring_cursor> judging_; // where the next judged record should stand
    seq_t covered_ = 0;                    // highest seq that went into a batch of this incarnation
    part_answer asked_;                    // what wants_next answered last
    std::unique_ptr<gathered_batch> gathering_ = std::make_unique<gathered_batch>();
    bool full_ = false;                     // the next record did not fit into it
    std::unique_ptr<gathered_batch> spare_; // a durable one, to be used again
    // Of the sink's own records in the batch that is being gathered, in its order: those made for it, which
    // are not in the state yet, and before them or between them the state's next ones.
    std::vector<own_record> gathering_own_;
    std::size_t own_gathered_ = 0; // how many of them are the state's
    std::size_t own_taken_ = 0;    // of state_.own_records: sent by this incarnation
};

// floor(ts / 1000) of an envelope of ours, read from its fixed head.
std::uint64_t record_timestamp(std::string_view envelope);

} // namespace agent
