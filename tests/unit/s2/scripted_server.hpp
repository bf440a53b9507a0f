#pragma once
// A server whose answers a test writes, reached over an in-process pipe by the real connector and client.

#include "net/http2/server.hpp"
#include "net/task/pipe.hpp"
#include "s2/append_session.hpp"
#include "s2/protobuf.hpp"
#include "s2/read_session.hpp"
#include "tests/unit/net/test_world.hpp"

#include <deque>

namespace s2::test {

class scripted_server {
public:
    // The handler gets each request, in order of arrival, with its number.
    using handler = std::function<net::task<>(net::server_exchange&, std::size_t number)>;

    explicit scripted_server(net::test::test_world& world)
        : world_(world)
        , stop_(world) {}

    handler on_request;
    std::size_t requests = 0;
    std::size_t connections = 0;
    std::function<net::task<>()> before_dial;
    std::deque<net::error_code> refuse_dials; // one for each coming connection; no error: let it through
    std::vector<net::request_head> heads;

    // Runs the body with a client of this server; everything has ended when it returns.
    void run(std::function<net::task<>(client&)> body, std::string token = "secret-token") {
        world_.run([&]() -> net::task<> {
            co_await net::with_task_group(world_, [&](net::task_group& group) -> net::task<> {
                connector_options options;
                options.dial = [&](net::time_point) { return dial(group); };
                connector connections_to(group, endpoints::parse("http://a.test", "http://b.test").value(),
                                         options);
                credentials credential{secret(token)};
                client under_test(connections_to, credential, "basin-name");
                co_await body(under_test);
                co_await connections_to.close();
                stop_.abort();
                co_await group.join();
            });
        });
    }

    net::stop_source& stop() { return stop_; }

private:
    net::task<net::result<std::unique_ptr<net::stream>>> dial(net::task_group& group) {
        if (before_dial)
            co_await before_dial();
        if (!refuse_dials.empty()) {
            const auto refusal = refuse_dials.front();
            refuse_dials.pop_front();
            if (refusal)
                co_return refusal;
        }
        ++connections;
        auto ends = net::make_pipe(world_, 64 * 1024);
        auto theirs = std::make_shared<std::unique_ptr<net::stream>>(std::move(ends.first));
        group.spawn([this, theirs] {
            return net::serve_http2(world_, std::move(*theirs), {}, limits_, handle_, stop_);
        });
        co_return std::move(ends.second);
    }

    net::test::test_world& world_;
    net::stop_source stop_;
    net::http_limits limits_;
    net::http_handler handle_ = [this](net::server_exchange& exchange) {
        heads.push_back(exchange.request());
        return on_request(exchange, requests++);
    };
};

inline net::task<> answer(net::server_exchange& exchange, unsigned status, std::string body,
                          net::http_fields fields = {}) {
    net::response_head head;
    head.status = status;
    head.fields = std::move(fields);
    co_await net::respond_with(exchange, std::move(head), body);
}

inline net::task<> begin_session(net::server_exchange& exchange) {
    net::response_head head;
    head.fields.push_back({"content-type", "s2s/proto"});
    co_await exchange.respond(std::move(head));
}

inline net::task<> say(net::server_exchange& exchange, std::string bytes) {
    const net::asio::const_buffer whole(bytes.data(), bytes.size());
    co_await exchange.write(std::span(&whole, 1));
}

inline std::string frame_of(const append_ack& ack, bool advised = false) {
    std::string payload, out;
    encode_append_ack(ack, payload);
    encode_frame(payload, compression::none, out, advised);
    return out;
}

inline std::string frame_of(const read_batch& batch, bool advised = false) {
    std::string payload, out;
    encode_read_batch(batch, payload);
    encode_frame(payload, compression::none, out, advised);
    return out;
}

inline std::string terminal_frame(unsigned status, std::string_view json) {
    std::string out;
    encode_terminal_frame(status, json, out);
    return out;
}

// Takes frames of the request's body one after the other.
class frame_reader {
public:
    explicit frame_reader(net::server_exchange& exchange)
        : exchange_(exchange)
        , chunk_(4096) {}

    // Nothing at the end of the body.
    net::task<std::optional<append_input>> next() {
        frame got;
        while (decoder_.next(got) != frame_decoder::outcome::frame) {
            const auto count = co_await exchange_.read_some(net::asio::buffer(chunk_));
            if (!count)
                co_return std::nullopt;
            decoder_.feed({chunk_.data(), *count});
        }
        co_return decode_append_input(got.payload);
    }

private:
    net::server_exchange& exchange_;
    std::vector<char> chunk_;
    frame_decoder decoder_;
};

} // namespace s2::test
