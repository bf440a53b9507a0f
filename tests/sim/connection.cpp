#include "tests/sim/connection.hpp"

#include "tests/sim/process.hpp"

#include <algorithm>

namespace sim {
namespace {

using shared_end = std::shared_ptr<end_point>;

net::time_point arrival(end_point& from, net::duration extra) {
    auto& in = from.owner.in();
    const auto jitter = in.faults().source().between(net::duration(0), from.link.jitter);
    from.last_arrival = std::max(from.last_arrival, in.now() + from.link.latency + jitter + extra);
    return from.last_arrival;
}

// Told to the peer in order with what was sent before.
void tell_peer(end_point& from, std::function<void(end_point&)> what) {
    from.owner.in().deliver(from.peer_process, arrival(from, {}), [peer = from.peer, what = std::move(what)] {
        const auto there = peer.lock();
        if (!there || there->broken)
            return;
        what(*there);
        there->changed.notify();
    });
}

void break_peer(end_point& from) {
    tell_peer(from, [](end_point& peer) {
        peer.broken = net::asio::error::connection_reset;
        peer.arrived.clear();
    });
}

void send_piece(end_point& from, std::string_view bytes) {
    const auto count = bytes.size();
    from.outstanding += count;
    if (from.muted)
        return;
    std::string sent(bytes);
    auto& faults = from.owner.in().faults();
    if (from.link.hostile && from.link.sealed && faults.strikes(fault::bytes_damaged)) {
        faults.fired(fault::bytes_damaged);
        from.say("damages a byte");
        sent[faults.source().below(count)] ^= 1;
    }
    tell_peer(from, [bytes = std::move(sent)](end_point& peer) {
        if (peer.closed)
            return break_peer(peer);
        if (peer.link.sealed)
            peer.owner.in().story().mix(bytes.size());
        else
            peer.owner.in().story().mix(bytes);
        peer.arrived += bytes;
    });
}

// What may happen to a write on its way. The number of bytes that get through before the connection is cut.
std::size_t meet_faults(end_point& from, std::size_t size) {
    auto& faults = from.owner.in().faults();
    if (!from.link.hostile)
        return size;
    if (faults.strikes(fault::latency_spike)) {
        faults.fired(fault::latency_spike);
        arrival(from, faults.source().between(std::chrono::milliseconds(20), std::chrono::milliseconds(400)));
    }
    if (faults.strikes(fault::connection_stalls)) {
        faults.fired(fault::connection_stalls);
        from.say("stalls");
        arrival(from, faults.source().between(std::chrono::seconds(1), std::chrono::seconds(20)));
    }
    if (faults.strikes(fault::half_close)) {
        faults.fired(fault::half_close);
        from.say("is half closed");
        tell_peer(from, [](end_point& peer) { peer.ended = true; });
        from.muted = true;
    }
    if (faults.strikes(fault::connection_reset)) {
        faults.fired(fault::connection_reset);
        from.say("is reset");
        return faults.source().below(size + 1);
    }
    return size;
}

void transmit(end_point& from, std::string_view bytes) {
    auto& faults = from.owner.in().faults();
    const auto through = meet_faults(from, bytes.size());
    const bool cut = through < bytes.size();
    bytes = bytes.substr(0, through);
    const bool split = faults.allowed(fault::bytes_split);
    while (!bytes.empty()) {
        auto most = std::min(bytes.size(), from.link.piece_bytes_max);
        if (split && most > 1 && faults.strikes(fault::bytes_split)) {
            faults.fired(fault::bytes_split);
            most = faults.source().between(1, std::min<std::size_t>(most, 64));
        }
        send_piece(from, bytes.substr(0, most));
        bytes.remove_prefix(most);
    }
    if (!cut)
        return;
    break_peer(from);
    network::break_end(from);
}

void credit_peer(end_point& reader, std::size_t count) {
    reader.owner.in().deliver(reader.peer_process, reader.owner.in().now() + reader.link.latency,
                              [peer = reader.peer, count] {
                                  const auto there = peer.lock();
                                  if (!there)
                                      return;
                                  there->outstanding -= std::min(there->outstanding, count);
                                  there->changed.notify();
                              });
}

class connection_stream final : public net::stream {
public:
    explicit connection_stream(shared_end end)
        : end_(std::move(end)) {}

    ~connection_stream() override { connection_stream::close(); }

    net::task<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override {
        return read(end_, into);
    }

    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override {
        return write(end_, from);
    }

    net::task<net::error_code> shutdown_write() override {
        if (end_->closed)
            co_return net::asio::error::operation_aborted;
        if (!std::exchange(end_->write_ended, true))
            tell_peer(*end_, [](end_point& peer) { peer.ended = true; });
        co_return net::error_code{};
    }

    void close() noexcept override {
        if (!end_->closed)
            network::close_end(*end_);
        end_->changed.notify();
    }

    std::string peer() const override { return "simulated"; }

private:
    static net::task<net::result<std::size_t>> read(shared_end end, net::asio::mutable_buffer into) {
        for (;;) {
            if (end->closed)
                co_return net::error_code(net::asio::error::operation_aborted);
            if (!end->arrived.empty()) {
                const auto count = std::min(into.size(), end->arrived.size());
                std::copy_n(end->arrived.data(), count, static_cast<char*>(into.data()));
                end->arrived.erase(0, count);
                credit_peer(*end, count);
                co_return count;
            }
            if (end->broken)
                co_return end->broken;
            if (end->ended)
                co_return make_error_code(net::error::eof);
            co_await end->changed.wait();
        }
    }

    static net::task<net::error_code> write(shared_end end, std::span<const net::asio::const_buffer> from) {
        for (auto piece : from) {
            while (piece.size() > 0) {
                if (end->closed)
                    co_return net::asio::error::operation_aborted;
                if (end->broken)
                    co_return end->broken;
                if (end->write_ended)
                    co_return net::asio::error::broken_pipe;
                const auto room = end->link.window_bytes - std::min(end->link.window_bytes, end->outstanding);
                const auto count = std::min(room, piece.size());
                if (count == 0) {
                    co_await end->changed.wait();
                    continue;
                }
                transmit(*end, {static_cast<const char*>(piece.data()), count});
                piece += count;
            }
        }
        co_return net::error_code{};
    }

    shared_end end_;
};

} // namespace

std::unique_ptr<net::stream> make_stream(std::shared_ptr<end_point> end) {
    return std::make_unique<connection_stream>(std::move(end));
}

// A socket closed with bytes unread is reset.
void network::close_end(end_point& one) {
    if (std::exchange(one.closed, true))
        return;
    const bool unread = !one.arrived.empty();
    one.arrived.clear();
    if (one.broken)
        return;
    one.say("closes");
    if (unread)
        break_peer(one);
    else if (!one.write_ended)
        tell_peer(one, [](end_point& peer) { peer.ended = true; });
}

void network::break_end(end_point& one) {
    one.broken = net::asio::error::connection_reset;
    one.arrived.clear();
    one.changed.notify();
}

} // namespace sim
