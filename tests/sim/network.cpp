#include "tests/sim/network.hpp"

#include "tests/sim/connection.hpp"
#include "tests/sim/process.hpp"

namespace sim {

end_point::end_point(process& of, const link_profile& over)
    : owner(of)
    , link(over)
    , changed(of) {}

void end_point::say(std::string_view what) const {
    if (link.hostile)
        owner.in().say(owner.on().name, "connection " + std::to_string(number) + " " + std::string(what));
}

struct network::listening {
    listening(process& at, net::endpoint on)
        : owner(at)
        , local(std::move(on))
        , changed(at) {}

    process& owner;
    net::endpoint local;
    net::condition changed;
    std::deque<std::shared_ptr<end_point>> waiting;
    bool closed = false;
};

struct network::dialling {
    explicit dialling(process& from)
        : owner(from)
        , changed(from) {}

    process& owner;
    net::condition changed;
    std::optional<net::result<std::unique_ptr<net::stream>>> outcome;
};

class accepting final : public net::listener {
public:
    explicit accepting(std::shared_ptr<network::listening> on)
        : on_(std::move(on)) {}

    ~accepting() override { accepting::close(); }

    net::task<net::result<std::unique_ptr<net::stream>>> accept() override { return accept(on_); }

    net::endpoint local() const override { return on_->local; }

    void close() noexcept override {
        network::close_listener(*on_);
        on_->changed.notify();
    }

private:
    static net::task<net::result<std::unique_ptr<net::stream>>>
    accept(std::shared_ptr<network::listening> on) {
        while (on->waiting.empty() && !on->closed)
            co_await on->changed.wait();
        if (on->closed)
            co_return net::error_code(net::asio::error::operation_aborted);
        // What waits goes on waiting.
        if (const net::error_code lacks = on->owner.hindrance(call::accept))
            co_return lacks;
        auto end = std::move(on->waiting.front());
        on->waiting.pop_front();
        co_return make_stream(std::move(end));
    }

    std::shared_ptr<network::listening> on_;
};

namespace {

std::shared_ptr<end_point> make_end(process& of, const link_profile& over) {
    auto end = std::make_shared<end_point>(of, over);
    of.holds(end);
    return end;
}

void join(const std::shared_ptr<end_point>& one, const std::shared_ptr<end_point>& other) {
    one->peer = other;
    one->peer_process = other->owner.id();
    other->peer = one;
    other->peer_process = one->owner.id();
}

} // namespace

// What is reached over the loopback or a Unix socket is reached on the same machine only.
std::string network::key_of(const process& who, const net::endpoint& at) {
    return (at.loopback() ? who.on().name + "/" : std::string()) + at.text();
}

net::result<std::unique_ptr<net::listener>> network::listen(process& at, const net::endpoint& on) {
    net::endpoint local = on;
    if (local.type == net::endpoint::kind::tcp && local.port == 0)
        local.port = next_port_++;
    auto& known = listeners_[key_of(at, local)];
    const auto present = known.lock();
    if (present && !present->closed)
        return net::error_code(net::asio::error::address_in_use);
    auto fresh = std::make_shared<listening>(at, local);
    known = fresh;
    at.listens(fresh);
    return std::unique_ptr<net::listener>(std::make_unique<accepting>(std::move(fresh)));
}

// Nobody will accept what waits: its peers are told.
void network::close_listener(listening& one) {
    one.closed = true;
    for (const auto& end : std::exchange(one.waiting, {}))
        close_end(*end);
}

void network::take_over(const std::shared_ptr<listening>& one) {
    listeners_[key_of(one->owner, one->local)] = one;
}

net::task<net::result<std::unique_ptr<net::stream>>> network::dial(process& from, const net::endpoint& to,
                                                                   net::time_point deadline) {
    auto& in = from.in();
    auto& faults = in.faults();
    link_profile over = to.loopback() || from.on().trusted ? link_profile{} : in.net().hostile_link;
    over.sealed = in.net().sealed && !to.loopback();
    const net::error_code lacks = from.hindrance(call::dial);
    if (lacks)
        co_return lacks;
    const auto mine = std::make_shared<dialling>(from);
    const auto answer_at = in.now() + over.latency * 2;
    const auto answer = [&in, mine, &from](net::time_point when, net::error_code with) {
        in.deliver(from.id(), when, [weak = std::weak_ptr(mine), with] {
            if (const auto who = weak.lock(); who && !who->outcome) {
                who->outcome.emplace(with);
                who->changed.notify();
            }
        });
    };
    if (over.hostile && faults.strikes(fault::name_unresolved)) {
        faults.fired(fault::name_unresolved);
        answer(answer_at, net::error::unresolved);
    } else if (over.hostile && faults.strikes(fault::connection_refused)) {
        faults.fired(fault::connection_refused);
        answer(answer_at, net::asio::error::connection_refused);
    } else if (over.hostile && faults.strikes(fault::connect_hangs)) {
        faults.fired(fault::connect_hangs);
    } else {
        in.at(in.now() + over.latency,
              [&in, id = from.id(), weak = std::weak_ptr(mine), key = key_of(from, to), over] {
                  in.net().arrive(id, weak, key, over);
              });
    }
    const auto settled = [&mine] { return mine->outcome.has_value(); };
    const bool in_time = co_await net::wait_for(mine->changed, settled, deadline);
    if (!in_time)
        co_return make_error_code(net::error::timed_out);
    auto outcome = std::move(*mine->outcome);
    co_return outcome;
}

// At the listener's side. A paused machine's kernel answers nothing: the dialler's deadline will tell.
void network::arrive(std::uint64_t dialler, std::weak_ptr<dialling> who, const std::string& key,
                     const link_profile& over) {
    process* from = world_.find(dialler);
    const auto waiting = who.lock();
    if (!from || !waiting || waiting->outcome)
        return;
    const auto found = listeners_.find(key);
    const auto listener = found == listeners_.end() ? nullptr : found->second.lock();
    if (!listener || listener->closed) {
        world_.deliver(dialler, world_.now() + over.latency, [who] {
            if (const auto there = who.lock(); there && !there->outcome) {
                there->outcome.emplace(net::error_code(net::asio::error::connection_refused));
                there->changed.notify();
            }
        });
        return;
    }
    auto near = make_end(*from, over);
    auto far = make_end(listener->owner, over);
    join(near, far);
    near->number = far->number = ++connections_;
    near->say("opens");
    world_.deliver(listener->owner.id(), world_.now(), [weak = std::weak_ptr(listener), far] {
        const auto there = weak.lock();
        if (!there || there->closed)
            return make_stream(far)->close();
        there->waiting.push_back(far);
        there->changed.notify();
    });
    world_.deliver(dialler, world_.now() + over.latency, [who, near] {
        auto made = make_stream(near); // closed where nobody waits for it any more
        if (const auto there = who.lock(); there && !there->outcome) {
            there->outcome.emplace(std::move(made));
            there->changed.notify();
        }
    });
}

std::pair<std::unique_ptr<net::stream>, std::unique_ptr<net::stream>>
network::pair(process& one, process& other, const link_profile& over) {
    auto near = make_end(one, over);
    auto far = make_end(other, over);
    join(near, far);
    return {make_stream(std::move(near)), make_stream(std::move(far))};
}

} // namespace sim
