#include "agent/ring/head.hpp"

namespace agent {
namespace {

// The envelopes of a batch bring their frames along: at least this share of their bytes is enough for those.
std::uint64_t with_frames(std::uint64_t bytes) {
    return bytes + bytes / 4 + frame_bytes(0) + 8;
}

} // namespace

static_assert(ring_segment_bytes - ring_header_bytes >= frame_bytes(envelope_bytes_max));

ring_head::ring_head(net::environment& env, ring_chain& chain)
    : env_(env)
    , chain_(chain) {}

bool ring_head::may_end_within(std::size_t bytes) const {
    return with_frames(bytes) > ring_segment_bytes - end_;
}

segment_rate ring_head::rate() const {
    const bool fast = env_.now() < net::saturating_add(began_, ring_filled_fast);
    return fast ? segment_rate::dense : segment_rate::trickle;
}

void ring_head::seal(seq_t last_seq) {
    auto& segment = *chain_.newest();
    segment.seal(bytes_, {last_seq, segment.counts()->producer_events(), end_});
}

void ring_head::keep_mapping() {
    chain_.newest()->keep_mapping(pin_);
}

void ring_head::install(ring_spare spare, seq_t first_seq, const ring_gaps& gaps) {
    ring_identity identity{0, first_seq};
    env_.random_bytes(std::as_writable_bytes(std::span(&identity.generation, 1)));
    auto segment =
        std::make_shared<ring_segment>(env_.files(), std::move(spare.path), spare.mapping, spare.dense);
    segment->begin(identity, gaps);
    chain_.append(std::move(segment));
    pin(std::move(spare.mapping));
    end_ = ring_header_bytes;
    began_ = env_.now();
}

void ring_head::pin(ring_pin mapped) {
    pin_ = std::move(mapped);
    bytes_ = pin_->bytes();
}

void ring_head::resume_at(std::size_t end) {
    end_ = end;
    chain_.newest()->resume_at(end);
}

void ring_head::unpin() {
    pin_.reset();
    bytes_ = {};
}

} // namespace agent
