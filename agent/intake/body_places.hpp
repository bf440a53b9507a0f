#pragma once
// Who may hold how much of what callers have sent and not finished: bodies, and lines without their end. A
// plain struct over the time that it is given.
//
// 1. Up to body_free_bytes of each are held without asking, and counted. (Only where these alone are far
//    more than the room for all does one wait even then: there are that many of them at one time.)
// 2. For more, all that it needs is reserved at once. Who finds no room waits, in order of arrival. While
//    none that has its reservation is being read the first one gets it in any case: they can't wait for
//    each other.
// 3. Where one waits, a holder of a reservation whose peer has sent nothing for body_silence_max gives up;
//    where no reservation is in the way, whoever holds something. One that waits is not silent: we do not
//    read it.
// 4. Without anybody waiting, one whose peer has sent nothing for body_progress_max gives up, unless it is
//    patient.

#include "net/clock.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

namespace agent {

constexpr std::uint64_t body_room_bytes = 32 * 1024 * 1024;
constexpr std::uint64_t body_free_bytes = 64 * 1024;
constexpr std::uint64_t body_free_bytes_all = 40 * 1024 * 1024; // of free parts and reservations together
constexpr net::duration body_silence_max = std::chrono::seconds(10);
constexpr net::duration body_progress_max = std::chrono::minutes(2);

// What a reader of lines reads next, who has so much of an unfinished one: a line that fits into the free
// part needs no reservation.
constexpr std::size_t next_piece_bytes(std::size_t held, std::size_t piece) {
    return held < body_free_bytes ? std::min<std::size_t>(piece, body_free_bytes - held) : piece;
}

class body_places {
public:
    struct options {
        bool waits = true;    // else it gets what it asks for: there is one of its kind
        bool gives_up = true; // where others wait
        bool patient = false; // where nobody waits
    };

    class body {
    public:
        explicit body(options how)
            : how_(how) {}

        std::uint64_t held() const { return held_; }

        bool waiting() const { return wanted_ > 0; }

        bool given_up() const { return given_up_; }

    private:
        friend class body_places;
        options how_;
        std::uint64_t held_ = 0;
        std::uint64_t wanted_ = 0;
        net::time_point heard_{};
        bool given_up_ = false;
        std::list<body*>::iterator at_;
    };

    void enter(body& one, net::time_point now);
    void leave(body& one, net::time_point now);

    // We wait for its peer from now on; we don't, since something has come.
    void listens(body& one, net::time_point now) { one.heard_ = now; }

    void busy(body& one) { one.heard_ = net::never; }

    // Room for so many bytes in all; false: it waits now, until held() is that much.
    bool ask(body& one, std::uint64_t bytes);
    // No more than so much is held any longer.
    void keep(body& one, std::uint64_t bytes, net::time_point now);

    // Those that have just given up. They hold what they held until they leave.
    std::vector<body*> give_up(net::time_point now);
    // When to look for such again; never: not by itself.
    net::time_point next_look() const;

    std::uint64_t held_bytes() const { return held_bytes_; }

    std::size_t waiting() const { return queue_.size(); }

private:
    bool fits(const body& one, std::uint64_t bytes) const;
    void hold(body& one, std::uint64_t bytes);
    void grant(net::time_point now);
    net::time_point ends_at(const body& one, bool reserved_only) const;
    bool reservation_in_use() const;

    std::list<body*> all_;
    std::list<body*> queue_;
    std::uint64_t held_bytes_ = 0;
};

} // namespace agent
