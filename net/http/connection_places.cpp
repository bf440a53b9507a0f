#include "net/http/connection_places.hpp"

#include <utility>

namespace net {

std::optional<std::size_t> who_makes_room(const std::vector<standing>& all, time_point now) {
    std::optional<std::size_t> chosen;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& one = all[i];
        if (one.what == standing::kind::works)
            continue;
        if (one.what == standing::kind::write_stalls && now - one.since < write_stall_least)
            continue;
        const bool first = !chosen || one.what < all[*chosen].what ||
                           (one.what == all[*chosen].what && one.since < all[*chosen].since);
        if (first)
            chosen = i;
    }
    return chosen;
}

connection_places::connection_places(environment& env, std::size_t connections_max, std::size_t spare_max)
    : env_(env)
    , regular_{connections_max, 0, {}}
    , spare_{spare_max, 0, {}}
    , freed_(env) {}

connection_places::place connection_places::taken_from(kind& of) {
    if (of.counted >= of.most)
        return nullptr;
    ++of.counted;
    auto made = std::make_unique<seat>();
    made->of_ = this;
    const auto at = of.seats.insert(of.seats.end(), made.get());
    return {made.release(), [self = shared_from_this(), &of, at](seat* one) {
                self->give_back(of, *one);
                of.seats.erase(at);
                delete one;
            }};
}

connection_places::place connection_places::taken_making_room(kind& of) {
    if (auto free = taken_from(of))
        return free;
    std::vector<seat*> seats;
    std::vector<standing> all;
    for (auto* one : of.seats)
        if (one->who_) {
            seats.push_back(one);
            all.push_back(one->who_->stands());
        }
    const auto chosen = who_makes_room(all, env_.now());
    if (!chosen)
        return nullptr;
    // Its descriptor is closed by this, so that the place is free already.
    auto* leaving = seats[*chosen];
    auto* who = std::exchange(leaving->who_, nullptr);
    who->evict();
    give_back(of, *leaving);
    return taken_from(of);
}

std::shared_ptr<const void> connection_places::seat::open_request() {
    if (of_->open_requests_ >= open_requests_max)
        return nullptr;
    ++of_->open_requests_;
    return {this, [of = of_->shared_from_this()](const void*) { --of->open_requests_; }};
}

void connection_places::give_back(kind& of, seat& one) {
    if (!one.counted_)
        return;
    one.counted_ = false;
    --of.counted;
    freed_.notify();
}

} // namespace net
