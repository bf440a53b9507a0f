#include "agent/load/verdict.hpp"

#include "agent/event/event.hpp"

#include <utility>

namespace agent {

load_verdict::load_verdict(load_events events, std::string session_id, seq_t first_seq,
                           std::uint64_t published)
    : events_(std::move(events))
    , session_id_(std::move(session_id))
    , first_seq_(first_seq)
    , published_(published)
    , seen_(published) {}

void load_verdict::take(std::string_view body, std::uint64_t position, seq_t below_seq) {
    if (is_next(body, below_seq))
        return;
    const auto head = parse_envelope_head(body);
    if (!head || head->capture_session_id != session_id_)
        return take_foreign(position, head ? "an envelope of another session" : "not an envelope");
    // The agent's own, about a stream that it left or a gap; the events behind it tell what it cost.
    if (head->type == "session_continued" || head->type == "events_dropped")
        return problem(position, head->type);
    const seq_t seq = head->seq.value_or(0);
    if (seq >= below_seq || is_session_event(head->type, seq))
        return;
    if (seq < first_seq_ || seq - first_seq_ >= published_)
        return take_foreign(position, "seq " + std::to_string(seq) + ", which is not of the load");
    take_event(seq - first_seq_, body, position);
}

// The one way through that a good stream takes: nothing is parsed.
bool load_verdict::is_next(std::string_view body, seq_t below_seq) {
    const seq_t seq = first_seq_ + next_;
    if (next_ == published_ || seq >= below_seq || body != events_.envelope(next_, session_id_, seq))
        return false;
    seen_[next_++] = true;
    ++found_.read;
    ++distinct_;
    return true;
}

bool load_verdict::is_session_event(std::string_view type, seq_t seq) {
    bool& met = seq < first_seq_ ? began_ : ended_;
    const bool fits = (seq + 1 == first_seq_ && type == "session_started") ||
                      (seq == first_seq_ + published_ && type == "session_ended");
    return fits && !std::exchange(met, true);
}

void load_verdict::take_event(std::uint64_t n, std::string_view body, std::uint64_t position) {
    const seq_t seq = first_seq_ + n;
    const std::string name = "seq " + std::to_string(seq);
    if (seen_[n]) {
        ++found_.repeated;
        return problem(position, name + " stands there a second time");
    }
    seen_[n] = true;
    ++distinct_;
    if (body != events_.envelope(n, session_id_, seq)) {
        ++found_.altered;
        problem(position, name + " has other bytes than were published");
    } else {
        ++found_.read;
    }
    if (n < next_) {
        ++found_.out_of_order;
        return problem(position, name + " comes behind seq " + std::to_string(first_seq_ + next_ - 1));
    }
    if (n > next_)
        problem(position, name + " where seq " + std::to_string(first_seq_ + next_) + " should stand");
    next_ = n + 1;
}

void load_verdict::take_foreign(std::uint64_t position, const std::string& what) {
    ++found_.foreign;
    problem(position, what);
}

void load_verdict::problem(std::uint64_t position, const std::string& what) {
    if (problems_.size() < load_problems_max)
        problems_.push_back("record " + std::to_string(position) + ": " + what);
}

load_verdict::counts load_verdict::found() const {
    counts all = found_;
    all.lost = published_ - distinct_;
    return all;
}

bool load_verdict::good() const {
    const counts all = found();
    return began_ && ended_ && all.read == published_ &&
           all.repeated + all.out_of_order + all.altered + all.foreign == 0;
}

std::string load_verdict::text() const {
    const counts all = found();
    std::string said = std::to_string(all.read) + " of " + std::to_string(published_) + " events read back";
    if (good())
        return said + ", in order, each once";
    auto add = [&said, first = true](std::uint64_t count, std::string_view what) mutable {
        if (count == 0)
            return;
        said += (first ? ": " : ", ") + std::to_string(count) + " " + std::string(what);
        first = false;
    };
    add(all.lost, "lost");
    add(all.repeated, "repeated");
    add(all.out_of_order, "out of order");
    add(all.altered, "altered");
    add(all.foreign, "of another writer");
    add(began_ ? 0 : 1, "session_started lost");
    add(ended_ ? 0 : 1, "session_ended lost");
    return said;
}

} // namespace agent
