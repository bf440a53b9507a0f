#include "net/connection_places.hpp"

namespace net {

connection_places::connection_places(environment& env, std::size_t connections_max, std::size_t refusals_max)
    : connections_max_(connections_max)
    , refusals_max_(refusals_max)
    , freed_(env) {}

connection_places::place connection_places::take() {
    return counted(taken_, connections_max_);
}

connection_places::place connection_places::take_refusal() {
    return counted(refusing_, refusals_max_);
}

connection_places::place connection_places::counted(std::size_t& count, std::size_t most) {
    if (count >= most)
        return nullptr;
    ++count;
    return {&count, [self = shared_from_this()](std::size_t* one) {
                --*one;
                self->freed_.notify();
            }};
}

} // namespace net
