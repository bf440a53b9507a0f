#pragma once
// Places for connections, shared by listeners: together they never hold more descriptors than there are
// places, and a few spare ones, in which one request each is read though all places are taken.
//
// Who has a place can say what its connection is about (an occupant), so that a newcomer finds room where the
// least is lost: first a connection without a request, then a body that stalls longest, then a response that
// the peer has not taken for write_stall_least. A call that is being worked on never makes room.

#include "net/task/condition.hpp"

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace net {

constexpr duration write_stall_least = std::chrono::seconds(15);
// Of connections that have many at one time (HTTP/2), all together.
constexpr std::size_t open_requests_max = 1024;

// What a connection is about, and since when.
struct standing {
    enum class kind { no_request, body_stalls, write_stalls, works };
    kind what = kind::works;
    time_point since{};
};

// The one that makes room, if any may.
std::optional<std::size_t> who_makes_room(const std::vector<standing>& all, time_point now);

class connection_places : public std::enable_shared_from_this<connection_places> {
public:
    class occupant {
    public:
        virtual standing stands() const = 0;
        virtual void evict() noexcept = 0; // closes the connection now; its tasks leave later

    protected:
        ~occupant() = default;
    };

    // One place that is taken.
    class seat {
    public:
        // While it lives, the seat's connection may be evicted. One at a time; the innermost counts.
        class taken_by {
        public:
            taken_by(seat* at, occupant& who)
                : at_(at)
                , before_(at ? at->who_ : nullptr) {
                if (at_)
                    at_->who_ = &who;
            }

            ~taken_by() {
                if (at_)
                    at_->who_ = before_;
            }

            taken_by(const taken_by&) = delete;
            taken_by& operator=(const taken_by&) = delete;

        private:
            seat* at_;
            occupant* before_;
        };

        // Held as long as one more request is open; none: too many are.
        std::shared_ptr<const void> open_request();

    private:
        friend class connection_places;
        connection_places* of_ = nullptr;
        occupant* who_ = nullptr;
        bool counted_ = true;
    };

    // Taken; given back when the last copy goes, or at its eviction.
    using place = std::shared_ptr<seat>;

    connection_places(environment& env, std::size_t connections_max, std::size_t spare_max);

    // None: all are taken.
    place take() { return taken_from(regular_); }

    place take_spare() { return taken_from(spare_); }

    // The same, but another one may have to go for it.
    place take_making_room() { return taken_making_room(regular_); }

    place take_spare_making_room() { return taken_making_room(spare_); }

    // Notified when a place is given back.
    const condition& freed() const { return freed_; }

    std::size_t taken() const { return regular_.counted; }

    std::size_t connections_max() const { return regular_.most; }

private:
    struct kind {
        std::size_t most;
        std::size_t counted = 0;
        std::list<seat*> seats;
    };

    place taken_from(kind& of);
    place taken_making_room(kind& of);
    void give_back(kind& of, seat& one);

    environment& env_;
    kind regular_;
    kind spare_;
    std::size_t open_requests_ = 0;
    condition freed_;
};

} // namespace net
