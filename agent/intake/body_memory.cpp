#include "agent/intake/body_memory.hpp"

namespace agent {

body_memory::body_memory(net::environment& env)
    : env_(env)
    , granted_(env) {}

body_memory::share::share(body_memory& of, body_places::options how, std::function<void()> given_up)
    : of_(of)
    , body_(how)
    , tell_(std::move(given_up)) {
    of_.places_.enter(body_, of_.env_.now());
    of_.shares_.emplace(&body_, this);
    of_.changed();
}

body_memory::share::~share() {
    of_.shares_.erase(&body_);
    of_.places_.leave(body_, of_.env_.now());
    of_.changed();
}

bool body_memory::share::ask(std::uint64_t bytes) {
    if (bytes <= body_.held())
        return true;
    const bool held = of_.places_.ask(body_, bytes);
    if (!held)
        of_.changed();
    return held;
}

net::task<void> body_memory::share::reserve(std::uint64_t bytes) {
    while (!ask(bytes))
        co_await of_.granted().wait();
}

void body_memory::share::keep(std::uint64_t bytes) {
    if (bytes >= body_.held())
        return;
    of_.places_.keep(body_, bytes, of_.env_.now());
    if (of_.granted().has_waiters())
        of_.changed();
}

void body_memory::share::listens() {
    of_.places_.listens(body_, of_.env_.now());
    if (of_.timer_at_ == net::never)
        of_.changed();
}

void body_memory::share::busy() {
    of_.places_.busy(body_);
}

// The timer may ring early, where a peer has sent something since: it then only looks. It never rings late.
void body_memory::changed() {
    if (granted_.has_waiters())
        granted_.notify();
    const auto next = places_.next_look();
    if (next == net::never && timer_at_ != net::never) {
        timer_->cancel();
        timer_at_ = net::never;
    }
    if (next >= timer_at_)
        return;
    timer_at_ = next;
    if (!timer_)
        timer_ = env_.make_timer();
    timer_->start(next, [this] { look(); });
}

void body_memory::look() {
    timer_at_ = net::never;
    for (auto* one : places_.give_up(env_.now()))
        if (const auto found = shares_.find(one); found != shares_.end())
            found->second->tell_();
    changed();
}

} // namespace agent
