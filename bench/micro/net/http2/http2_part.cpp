// Frames through HTTP/2, from a client's session to a server's and window updates back, all in memory.

#include "bench/micro/kit.hpp"
#include "bench/micro/part.hpp"
#include "net/http2/session.hpp"

namespace bench {
namespace {

constexpr std::size_t piece_bytes = 64 * 1024; // what a connection writes at a time

class pump {
public:
    pump() {
        net::request_head head;
        head.method = "POST";
        head.authority = "localhost";
        exchange(); // SETTINGS
        const auto opened = client_.open(head, false);
        must(opened.has_value(), "a request opens");
        id_ = *opened;
        exchange();
        must(server_.next_request() == id_, "the request arrives");
    }

    work round() {
        work done;
        for (const auto& frame : frames()) {
            write(net::asio::buffer(frame));
            done.bytes += frame.size();
        }
        done.events = envelopes().size();
        must(received_ == done.bytes, "everything arrives");
        received_ = 0;
        return done;
    }

private:
    void write(net::asio::const_buffer frame) {
        auto* const to = client_.find(id_);
        must(to && !client_.write_error(*to), "the request is open");
        client_.write(*to, std::span(&frame, 1));
        do
            exchange();
        while (client_.lending(*to));
    }

    void exchange() {
        there_.clear();
        must(!client_.send(there_, piece_bytes), "the client sends");
        must(there_.empty() || !server_.receive(there_, {}), "the server receives");
        if (auto* from = id_ == 0 ? nullptr : server_.find(id_)) {
            while (const auto count = server_.read(*from, net::asio::buffer(body_)))
                received_ += count;
            server_.want_more(*from);
        }
        back_.clear();
        must(!server_.send(back_, piece_bytes), "the server sends");
        must(back_.empty() || !client_.receive(back_, {}), "the client receives");
        client_.take_changed();
        server_.take_changed();
    }

    net::http2_session client_{net::http2_role::client, {}};
    net::http2_session server_{net::http2_role::server, {}};
    std::int32_t id_ = 0;
    std::string there_;
    std::string back_;
    std::vector<char> body_ = std::vector<char>(piece_bytes);
    std::uint64_t received_ = 0;
};

round_function prepare_pump() {
    return [of = std::make_shared<pump>()] { return of->round(); };
}

const registered_part pumping("http2/pump", prepare_pump);

} // namespace
} // namespace bench
