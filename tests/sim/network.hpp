#pragma once
// Connections between simulated processes: bytes arrive later, in order, in pieces of any size, or not at
// all.
//
// 1. A byte that was written arrives once, in order, or the reader learns that the connection broke.
// 2. A writer waits while window_bytes are on their way or unread.
// 3. Nothing reaches another process but through the world's events.
// 4. Only links marked hostile meet faults; loopback ones are split at most.

#include "net/environment.hpp"
#include "net/task/condition.hpp"
#include "tests/sim/world.hpp"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace sim {

struct link_profile {
    net::duration latency = std::chrono::microseconds(300); // one way
    net::duration jitter = std::chrono::microseconds(100);
    std::size_t window_bytes = 256 * 1024;
    std::size_t piece_bytes_max = 16 * 1024;
    bool hostile = false;
    bool sealed = false; // by TLS: what is on it differs between two lives of a seed, its size does not
};

// One end of a connection; lives in its process.
struct end_point {
    end_point(process& of, const link_profile& over);

    process& owner;
    link_profile link;
    net::condition changed;
    std::string arrived;            // unread
    bool ended = false;             // the peer writes no more
    bool closed = false;            // by our side
    bool write_ended = false;       // ours
    bool muted = false;             // what we write vanishes (half close on the way)
    net::error_code broken;         // both directions
    std::size_t outstanding = 0;    // written, unread by the peer
    net::time_point last_arrival{}; // of what we sent
    std::weak_ptr<end_point> peer;
    std::uint64_t peer_process = 0;
    std::uint64_t number = 0; // of the connection

    void say(std::string_view what) const; // in the story, where the link is hostile
};

class network {
public:
    explicit network(world& in)
        : world_(in) {}

    // Of connections made from now on, by the host dialled; loopback and Unix sockets have a default.
    link_profile hostile_link;
    bool sealed = false; // all connections between machines
    static net::task<net::result<std::unique_ptr<net::stream>>> dial(process& from, const net::endpoint& to,
                                                                     net::time_point deadline);
    net::result<std::unique_ptr<net::listener>> listen(process& at, const net::endpoint& on);

    // Two ends at once, e.g. a program's standard input.
    std::pair<std::unique_ptr<net::stream>, std::unique_ptr<net::stream>> pair(process& one, process& other,
                                                                               const link_profile& over);

    // The connection is cut under this end; it learns it at once, the peer later.
    static void break_end(end_point& one);
    // Closed by its own side, or by the kernel of a process that died.
    static void close_end(end_point& one);

    struct listening;
    static void close_listener(listening& one);
    // A listener whose process has moved here.
    void take_over(const std::shared_ptr<listening>& one);

private:
    friend class accepting;
    struct dialling;
    static std::string key_of(const process& who, const net::endpoint& at);
    void arrive(std::uint64_t dialler, std::weak_ptr<dialling> who, const std::string& key,
                const link_profile& over);

    world& world_;
    std::map<std::string, std::weak_ptr<listening>> listeners_;
    std::uint64_t connections_ = 0;
    std::uint16_t next_port_ = 40000;
};

} // namespace sim
