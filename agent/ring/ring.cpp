#include "agent/ring/ring.hpp"

#include "agent/ring/segment.hpp"
#include "net/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace agent {
namespace {

// The envelopes of a batch bring their frames along: at least this share of their bytes is enough for those.
std::uint64_t with_frames(std::uint64_t bytes) {
    return bytes + bytes / 4 + frame_bytes(0) + 8;
}

} // namespace

static_assert(ring_segment_bytes - ring_header_bytes >= frame_bytes(envelope_bytes_max));

ring::ring(net::environment& env, ring_options options)
    : env_(env)
    , options_(std::move(options))
    , appended_(env)
    , freed_(env) {}

ring::~ring() {
    NET_ASSERT(holds_.empty(), "no hold outlives its ring");
}

std::span<char> ring::reserve(std::size_t bytes) {
    reserved_ = false;
    if (closed_ || seqs_used_up() || frame_bytes(bytes) > ring_segment_bytes - ring_header_bytes) {
        refusal_ = closed_          ? "the agent is stopping"
                   : seqs_used_up() ? no_seq_text()
                                    : "it is longer than a segment";
        return {};
    }
    if (head_end_ + frame_bytes(bytes) > ring_segment_bytes && !roll_over(false))
        return {};
    reserved_ = true;
    reserved_bytes_ = bytes;
    const auto room = head_bytes_.subspan(head_end_ + frame_head_bytes, bytes);
    return {reinterpret_cast<char*>(room.data()), room.size()};
}

ring_entry ring::commit(std::size_t bytes, std::uint32_t session, bool own) {
    NET_ASSERT(reserved_ && bytes <= reserved_bytes_, "a commit stays within its reserve");
    reserved_ = false;
    const char* const line = reinterpret_cast<const char*>(head_bytes_.data()) + head_end_ + frame_head_bytes;
    head_end_ = segments_.back()->write(head_bytes_, head_end_, next_seq_, session, own, bytes);
    const ring_entry entry{next_seq_, session, own, {line, bytes}};
    ++next_seq_;
    appended_.notify();
    return entry;
}

void ring::allow_seqs(seq_t up_to, std::string why_no_more) {
    const bool more = up_to > seq_max_;
    seq_max_ = up_to;
    why_no_more_seqs_ = std::move(why_no_more);
    if (more)
        freed_.notify();
}

std::string ring::no_seq_text() const {
    return "cannot reserve seqs ahead: " + why_no_more_seqs_;
}

bool ring::needs_segment(std::size_t bytes) const {
    return with_frames(bytes) > ring_segment_bytes - head_end_;
}

seq_t ring::far_ahead_of(std::size_t bytes) const {
    if (!needs_segment(bytes) || segments_.size() < ring_segments_ahead_max)
        return 0;
    if (!owed(segments_.size() - ring_segments_ahead_max))
        return 0;
    std::size_t oldest = 0;
    while (!owed(oldest))
        ++oldest;
    return segments_[oldest]->first_seq();
}

bool ring::make_room(std::size_t bytes) {
    if (seqs_used_up()) {
        refusal_ = no_seq_text();
        return false;
    }
    if (!needs_segment(bytes) || head_end_ + frame_bytes(bytes) <= ring_segment_bytes)
        return true;
    reserved_ = false;
    return !closed_ && roll_over(true);
}

net::time_point ring::look_again_at() const {
    return may_pass_ ? net::saturating_add(env_.now(), ring_look_again_after) : net::never;
}

void ring::owed_changed() {
    freed_.notify();
    if (retention_ == nullptr || !retention_->owed(first_seq(), last_seq()))
        keep_mapped(0);
}

// An idle agent keeps only its head mapped; one that S2 does not answer, no more than a busy one.
void ring::keep_mapped(std::size_t newest) {
    for (std::size_t index = segments_.size() - 1; index > 0; --index) {
        auto& segment = *segments_[index - 1];
        if (segments_.size() - index > newest && !segment.let_go_mapping())
            return; // nor any older one
    }
}

seq_t ring::first_seq() const {
    return segments_.front()->first_seq();
}

std::uint64_t ring::used_bytes() const {
    return (segments_.size() + unremoved_.size()) * ring_segment_bytes;
}

seq_t ring::live_history_seq() const {
    return segments_[history_begin()]->first_seq();
}

seq_t ring::last_of(std::size_t index) const {
    if (index + 1 == segments_.size())
        return next_seq_ - 1;
    const auto& segment = *segments_[index];
    seq_t bound = segments_[index + 1]->first_seq() - 1;
    std::size_t behind = index + 1; // whose header tells what lies between, as far as that is known
    while (behind + 1 < segments_.size() && segments_[behind]->state() != header_state::whole)
        ++behind;
    for (const auto& range : segments_[behind]->gaps().ranges()) {
        if (range.from_seq > segment.first_seq()) {
            bound = std::min(bound, range.from_seq - 1);
            break;
        }
    }
    return std::min(bound, segment.last_seq().value_or(bound));
}

std::size_t ring::index_behind(seq_t seq) const {
    const auto found =
        std::upper_bound(segments_.begin(), segments_.end(), seq,
                         [](seq_t value, const segment_ptr& one) { return value < one->first_seq(); });
    return static_cast<std::size_t>(found - segments_.begin());
}

// A blank one among the others was being freed when the process died, one with a broken header can't be told
// anything: what lay before them, and why it went, stands in the header behind.
std::size_t ring::whole_from(std::size_t index) const {
    for (; index + 1 < segments_.size(); ++index) {
        auto& segment = *segments_[index];
        if ((!segment.known() && !segment.pin()) || segment.state() == header_state::whole)
            break;
    }
    return index;
}

void ring::note_damage(ring_segment& segment) {
    if (!segment.mark_damaged())
        return;
    ++damaged_count_;
    spdlog::warn("ring: {} is damaged; what is whole in it stays readable, the file will be kept aside",
                 segment.path().filename().string());
}

std::filesystem::path ring::path_of(seq_t first_seq) const {
    return options_.dir.empty() ? std::filesystem::path{} : options_.dir / segment_name(first_seq);
}

std::unique_ptr<ring_hold> ring::hold(seq_t first, seq_t last) {
    return std::unique_ptr<ring_hold>(new ring_hold(*this, first, last));
}

} // namespace agent
