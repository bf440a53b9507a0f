#pragma once
// Places for connections, shared by listeners: together they never hold more descriptors than there are
// places, and a few more for the moment that a refusal takes.

#include "net/condition.hpp"

#include <cstddef>
#include <memory>

namespace net {

class connection_places : public std::enable_shared_from_this<connection_places> {
public:
    // Taken; given back when the last copy goes.
    using place = std::shared_ptr<const void>;

    connection_places(environment& env, std::size_t connections_max, std::size_t refusals_max);

    place take();         // none: all are taken
    place take_refusal(); // likewise

    // Notified when a place is given back.
    condition& freed() { return freed_; }

    std::size_t taken() const { return taken_; }

    std::size_t connections_max() const { return connections_max_; }

private:
    place counted(std::size_t& count, std::size_t most);

    std::size_t connections_max_;
    std::size_t refusals_max_;
    std::size_t taken_ = 0;
    std::size_t refusing_ = 0;
    condition freed_;
};

} // namespace net
