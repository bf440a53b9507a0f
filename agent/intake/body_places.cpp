#include "agent/intake/body_places.hpp"

#include <algorithm>

namespace agent {

void body_places::enter(body& one, net::time_point now) {
    one.at_ = all_.insert(all_.end(), &one);
    one.heard_ = now;
}

void body_places::leave(body& one, net::time_point now) {
    queue_.remove(&one);
    all_.erase(one.at_);
    hold(one, 0);
    grant(now);
}

bool body_places::ask(body& one, std::uint64_t bytes) {
    if (bytes <= one.held_)
        return true;
    if (one.wanted_ > 0) {
        one.wanted_ = std::max(one.wanted_, bytes);
        return false;
    }
    const bool free = bytes <= body_free_bytes;
    const bool turn = free || queue_.empty();
    if (!one.how_.waits || (turn && fits(one, bytes))) {
        hold(one, bytes);
        return true;
    }
    one.wanted_ = bytes;
    queue_.push_back(&one);
    return false;
}

void body_places::keep(body& one, std::uint64_t bytes, net::time_point now) {
    if (bytes >= one.held_)
        return;
    hold(one, bytes);
    grant(now);
}

bool body_places::fits(const body& one, std::uint64_t bytes) const {
    const bool free = bytes <= body_free_bytes;
    const auto room = free ? body_free_bytes_all : body_room_bytes;
    return held_bytes_ - one.held_ + bytes <= room || (!free && !reservation_in_use());
}

void body_places::hold(body& one, std::uint64_t bytes) {
    held_bytes_ = held_bytes_ - one.held_ + bytes;
    one.held_ = bytes;
}

void body_places::grant(net::time_point now) {
    while (!queue_.empty() && fits(*queue_.front(), queue_.front()->wanted_)) {
        auto& first = *queue_.front();
        queue_.pop_front();
        hold(first, first.wanted_);
        first.wanted_ = 0;
        first.heard_ = now;
    }
}

bool body_places::reservation_in_use() const {
    return std::any_of(all_.begin(), all_.end(), [](const body* one) {
        return one->held_ > body_free_bytes && !one->waiting() && one->how_.waits;
    });
}

net::time_point body_places::ends_at(const body& one, bool reserved_only) const {
    if (one.given_up_ || one.waiting())
        return net::never;
    const bool in_the_way = one.how_.gives_up && one.held_ > (reserved_only ? body_free_bytes : 0);
    if (!queue_.empty() && in_the_way)
        return net::saturating_add(one.heard_, body_silence_max);
    return one.how_.patient ? net::never : net::saturating_add(one.heard_, body_progress_max);
}

std::vector<body_places::body*> body_places::give_up(net::time_point now) {
    std::vector<body*> over;
    const bool reserved_only = reservation_in_use();
    for (auto* one : all_)
        if (ends_at(*one, reserved_only) <= now) {
            one->given_up_ = true;
            over.push_back(one);
        }
    return over;
}

net::time_point body_places::next_look() const {
    auto first = net::never;
    const bool reserved_only = reservation_in_use();
    for (const auto* one : all_)
        first = std::min(first, ends_at(*one, reserved_only));
    return first;
}

} // namespace agent
