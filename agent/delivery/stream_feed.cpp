#include "agent/delivery/stream_feed.hpp"

#include "agent/event/decimal.hpp"
#include "agent/event/event.hpp"
#include "agent/event/system_events.hpp"
#include "net/assert.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace agent {
namespace {

constexpr seq_t seq_max = std::numeric_limits<seq_t>::max();

std::uint64_t metered(std::string_view body) {
    return s2::metered_bytes(0, 0, body.size());
}

} // namespace

std::uint64_t record_timestamp(std::string_view envelope) {
    constexpr std::string_view before_ts = R"({"ts":)";
    constexpr std::size_t behind_id = std::string_view(R"({"capture_session_id":")").size() + 36; // a UUID
    const auto at = envelope.find('{', behind_id); // only the seq stands between the id and the event
    if (at == std::string_view::npos || !envelope.substr(at).starts_with(before_ts))
        return 0;
    return leading_decimal(envelope.substr(at + before_ts.size())) / 1000;
}

void gathered_batch::clear() {
    records.clear();
    made.clear();
    metered_bytes = 0;
    last_seq = 0;
}

stream_feed::stream_feed(net::environment& env, ring& journal, session_table& sessions, delivery_state& state)
    : env_(env)
    , journal_(journal)
    , sessions_(sessions)
    , state_(state) {
    // Nothing up to the highest seq sent may go before its fate is known.
    if (state_.sent_seq > state_.durable_seq)
        hold_ = journal_.hold(state_.durable_seq + 1, state_.sent_seq);
}

stream_feed::~stream_feed() = default;

// The seqs around this one that lie in the same part, and whether that part is this stream's.
stream_feed::part_answer stream_feed::part_at(const session_record& session, seq_t seq) const {
    part_answer answer{session.number, sessions_.generation(), 0, seq_max, false};
    for (const auto& part : session.parts) {
        if (part.from_seq > seq) {
            answer.below = part.from_seq;
            break;
        }
        answer.from = part.from_seq;
        answer.wanted = part.stream == state_.stream && part.at == state_.at;
    }
    return answer;
}

bool stream_feed::wants(const session_record& session, seq_t seq) const {
    return part_at(session, seq).wanted;
}

bool stream_feed::wants(const ring_entry& entry) const {
    const auto* session = sessions_.find(entry.session);
    return session != nullptr && wants(*session, entry.seq);
}

// The same for the hot path: neighbours share a session and its part.
bool stream_feed::wants_next(const ring_entry& entry) {
    const bool answered = entry.session == asked_.session && sessions_.generation() == asked_.generation &&
                          entry.seq >= asked_.from && entry.seq < asked_.below;
    if (answered)
        return asked_.wanted;
    const auto* session = sessions_.find(entry.session);
    if (session == nullptr)
        return false;
    asked_ = part_at(*session, entry.seq);
    return asked_.wanted;
}

// --- gathering

void stream_feed::start() {
    accept_trusted();
    cursor_ = std::make_unique<ring_cursor>(journal_, std::max(state_.durable_seq + 1, state_.from_seq));
    covered_ = state_.durable_seq;
    release_hold();
    gathering_->clear();
    gathering_own_.clear();
    own_gathered_ = 0;
    own_taken_ = 0;
    full_ = false;
    // What was told of a gap and is still here never landed. The ring may lack more by now: it is told anew.
    std::erase_if(state_.own_records, [](const own_record& record) { return record.covers_to != 0; });
}

void stream_feed::gather(net::time_point now) {
    NET_ASSERT(cursor_ != nullptr, "a stream is gathered only after its claim");
    for (;;) {
        const seq_t before = cursor_->position();
        const auto item = cursor_->next();
        if (std::holds_alternative<ring_cursor::nothing>(item))
            return;
        bool taken = false;
        if (const auto* entry = std::get_if<ring_entry>(&item))
            taken = gather_entry(*entry, now);
        else
            taken = gather_gap(std::get<ring_gap>(item), now);
        if (!taken) {
            cursor_->seek(before);
            full_ = !gathering_->records.empty();
            return;
        }
    }
}

// The record that goes at the head of a part: it is in the state since the part was made.
bool stream_feed::gather_stored_before(seq_t seq, net::time_point now) {
    while (own_taken_ + own_gathered_ < state_.own_records.size()) {
        const auto& record = state_.own_records[own_taken_ + own_gathered_];
        if (record.before_seq > seq)
            return true;
        if (!waiting().fits(metered(record.line)))
            return false;
        gathering_->made.push_back(record.line);
        add(gathering_->made.back(), record_timestamp(record.line), now);
        cover(record.covers_to);
        gathering_own_.push_back(record);
        ++own_gathered_;
    }
    return true;
}

bool stream_feed::gather_entry(const ring_entry& entry, net::time_point now) {
    if (!wants_next(entry))
        return true;
    if (!gather_stored_before(entry.seq, now) || !waiting().fits(metered(entry.line)))
        return false;
    if (hold_)
        hold_->extend_to(std::max(hold_->last(), entry.seq));
    else
        hold_ = journal_.hold(entry.seq, entry.seq);
    add(entry.line, record_timestamp(entry.line), now);
    cover(entry.seq);
    return true;
}

// What this stream lacks of a gap and has not told: split where a session's span or part ends.
std::vector<gap_piece> stream_feed::pieces_of(const ring_gap& gap) const {
    std::vector<gap_piece> pieces;
    const seq_t begin = std::max({gap.from_seq, covered_ + 1, state_.from_seq});
    for (const auto& session : sessions_.all()) {
        if (!has_part_here(session))
            continue;
        for (const auto& span : session.spans) {
            const seq_t last = std::min(gap.to_seq, span.to_seq == 0 ? seq_max : span.to_seq);
            for (seq_t from = std::max(begin, span.from_seq); from <= last;) {
                const auto part = part_at(session, from);
                const seq_t to = std::min(last, part.below - 1);
                if (part.wanted)
                    pieces.push_back({{from, to, gap.reason}, &session});
                from = to + 1;
            }
        }
    }
    std::sort(pieces.begin(), pieces.end(),
              [](const gap_piece& a, const gap_piece& b) { return a.gap.from_seq < b.gap.from_seq; });
    return pieces;
}

bool stream_feed::gather_gap(const ring_gap& gap, net::time_point now) {
    for (const auto& piece : pieces_of(gap))
        if (!gather_gap_piece(piece, now))
            return false;
    return true;
}

bool stream_feed::gather_gap_piece(const gap_piece& piece, net::time_point now) {
    if (!gather_stored_before(piece.gap.from_seq, now))
        return false;
    own_record record{piece.gap.to_seq + 1, piece.gap.to_seq,
                      events_dropped_envelope(piece.session->id, piece.gap, env_.wall_now())};
    const bool in_state = has_room_for(record, state_, gathering_own_);
    if (!in_state || !waiting().fits(metered(record.line)))
        return false; // the acknowledgement of others makes room
    gathering_->made.push_back(record.line);
    add(gathering_->made.back(), record_timestamp(record.line), now);
    cover(record.covers_to);
    gathering_own_.push_back(std::move(record));
    return true;
}

void stream_feed::add(std::string_view body, std::uint64_t timestamp, net::time_point now) {
    if (gathering_->records.empty())
        gathering_->first_at = now;
    gathering_->records.push_back({timestamp, body});
    gathering_->metered_bytes += metered(body);
}

void stream_feed::cover(seq_t last) {
    gathering_->last_seq = std::max(gathering_->last_seq, last);
    covered_ = std::max(covered_, last);
}

std::unique_ptr<gathered_batch> stream_feed::take() {
    auto batch = std::move(gathering_);
    gathering_ = spare_ ? std::move(spare_) : std::make_unique<gathered_batch>();
    // In the order in which they are sent: what the state has of them gives its place to all of them.
    auto& own = state_.own_records;
    const auto at = own.begin() + static_cast<std::ptrdiff_t>(own_taken_);
    const auto behind = own.erase(at, at + static_cast<std::ptrdiff_t>(own_gathered_));
    own_taken_ += gathering_own_.size();
    own.insert(behind, std::make_move_iterator(gathering_own_.begin()),
               std::make_move_iterator(gathering_own_.end()));
    gathering_own_.clear();
    own_gathered_ = 0;
    state_.sent_seq = std::max(state_.sent_seq, batch->last_seq);
    full_ = false;
    return batch;
}

void stream_feed::pop_own_record() {
    state_.own_records.erase(state_.own_records.begin());
    own_taken_ -= std::min<std::size_t>(own_taken_, 1);
}

// What was read back has been judged record by record; its own records have gone already.
void stream_feed::on_durable(std::unique_ptr<s2::batch_content> content, s2::proof /*how*/) {
    std::unique_ptr<gathered_batch> batch(static_cast<gathered_batch*>(content.release()));
    for (const auto& line : batch->made)
        if (!state_.own_records.empty() && state_.own_records.front().line == line)
            pop_own_record();
    state_.durable_seq = std::max(state_.durable_seq, batch->last_seq);
    release_hold();
    batch->clear();
    spare_ = std::move(batch);
}

void stream_feed::release_hold() {
    if (hold_ && hold_->last() <= state_.durable_seq)
        hold_.reset();
    else if (hold_)
        hold_->shrink_from(state_.durable_seq + 1);
}

// --- judging

bool stream_feed::has_part_here(const session_record& session) const {
    return std::any_of(session.parts.begin(), session.parts.end(), [this](const session_part& part) {
        return part.stream == state_.stream && part.at == state_.at;
    });
}

const session_record* stream_feed::session_of_stream(std::string_view session_id) const {
    const auto* session = sessions_.find(session_id);
    return session != nullptr && has_part_here(*session) ? session : nullptr;
}

// After a machine crash, or damage, S2 may hold envelopes of ours that the ring does not: an own session's id
// and a seq that rises and lies where the ring has nothing. For want of room the ring drops only what was
// never sent, or was acknowledged: what stands there is a copy's, also up to the highest seq sent, which
// covers what a sent record has told as dropped. Unless the machine died, and what is stored of the
// acknowledgements is older than they were.
bool stream_feed::lost_from_ring(const s2::sequenced_record& record, seq_t above, const ring_gap& gap) const {
    const auto head = parse_envelope_head(record.body);
    if (!head || !head->seq || *head->seq <= above || *head->seq > gap.to_seq)
        return false;
    if (gap.reason == gap_reason::capacity && !journal_.after_machine_crash())
        return false;
    return session_of_stream(head->capture_session_id) != nullptr;
}

void stream_feed::accept_trusted() {
    state_.durable_seq = judged_to();
    state_.trusted_seq = 0;
}

// A copy of this agent writes under our sessions' ids, and gives their next seqs to envelopes of its own.
// With the first record that shows it, what no bytes have proved ours may be the copy's as well.
bool stream_feed::is_ours(const s2::sequenced_record& record) {
    if (stands_next(record))
        return true;
    if (shows_another_writer(record))
        state_.trusted_seq = 0;
    return false;
}

bool stream_feed::stands_next(const s2::sequenced_record& record) {
    if (!record.headers.empty())
        return false;
    if (!state_.own_records.empty() && state_.own_records.front().line == record.body) {
        state_.durable_seq = std::max(judged_to(), state_.own_records.front().covers_to);
        pop_own_record();
        return true;
    }
    const seq_t expected = std::max(judged_to() + 1, state_.from_seq);
    if (!judging_ || judging_->position() != expected)
        judging_ = std::make_unique<ring_cursor>(journal_, expected);
    for (;;) {
        const auto item = judging_->next();
        if (const auto* entry = std::get_if<ring_entry>(&item)) {
            if (!wants(*entry))
                continue;
            if (entry->line != record.body)
                return false;
            state_.durable_seq = entry->seq;
            return true;
        }
        const auto* gap = std::get_if<ring_gap>(&item);
        if (!gap)
            return false; // behind all that this ring gave out: a copy of this agent is ahead
        if (lost_from_ring(record, judged_to(), *gap)) {
            state_.trusted_seq = *parse_envelope_head(record.body)->seq;
            return true;
        }
    }
}

bool stream_feed::shows_another_writer(const s2::sequenced_record& record) {
    const auto head = parse_envelope_head(record.body);
    return head && session_of_stream(head->capture_session_id) != nullptr;
}

// The service never stamps a record earlier than the one before it, nor than its client asked for, unless
// that client's clock is ahead. A session that began later than now began while ours was: nothing shows what
// is older than it.
bool stream_feed::predates_ours(const s2::sequenced_record& record) {
    const auto& all = sessions_.all();
    return std::none_of(all.begin(), all.end(), [&, now = env_.wall_now()](const session_record& session) {
        const auto began = static_cast<std::uint64_t>(session.created_at) / 1000;
        return has_part_here(session) && (session.created_at > now || record.timestamp >= began);
    });
}

} // namespace agent
