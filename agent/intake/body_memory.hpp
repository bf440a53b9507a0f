#pragma once
// body_places over the loop's time: who waits is woken, and who gives up is told. One timer for all, and none
// while nothing is being read.

#include "agent/intake/body_places.hpp"
#include "net/task/condition.hpp"

#include <functional>
#include <memory>
#include <unordered_map>

namespace agent {

class body_memory {
public:
    explicit body_memory(net::environment& env);

    // One body, or one stream of lines, from its first byte to its last.
    class share {
    public:
        // `given_up` is called once, when its peer is not waited for any longer.
        share(body_memory& of, body_places::options how, std::function<void()> given_up);
        ~share();
        share(const share&) = delete;
        share& operator=(const share&) = delete;

        // False: not yet; of().granted() is notified. What is asked for stays asked for.
        bool ask(std::uint64_t bytes);
        // Returns with the room.
        net::task<void> reserve(std::uint64_t bytes);
        void keep(std::uint64_t bytes);
        // Around each read of the peer's bytes.
        void listens();
        void busy();

        std::uint64_t held() const { return body_.held(); }

        bool given_up() const { return body_.given_up(); }

        body_memory& of() { return of_; }

    private:
        friend class body_memory;
        body_memory& of_;
        body_places::body body_;
        std::function<void()> tell_;
    };

    const net::condition& granted() const { return granted_; } // there may be room for one that asked

    const body_places& places() const { return places_; }

private:
    void changed();
    void look();

    net::environment& env_;
    body_places places_;
    net::condition granted_;
    std::unique_ptr<net::timer> timer_;
    net::time_point timer_at_ = net::never;
    std::unordered_map<body_places::body*, share*> shares_;
};

} // namespace agent
