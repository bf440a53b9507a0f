#include "net/http2/session.hpp"

#include <gtest/gtest.h>

namespace net::test {
namespace {

// A client's machine and a server's, by hand; or frames that neither would send.
class http2_machines : public testing::Test {
protected:
    http2_session client{http2_role::client, {}};
    http2_session server{http2_role::server, {}};
    time_point now{std::chrono::hours(1)};
    error_code client_error;
    error_code server_error;

    void pump() {
        for (bool moved = true; moved;) {
            std::string there;
            std::string back;
            EXPECT_FALSE(client.send(there, 1 << 20));
            if (!there.empty() && !server_error)
                server_error = server.receive(there, now);
            EXPECT_FALSE(server.send(back, 1 << 20));
            if (!back.empty() && !client_error)
                client_error = client.receive(back, now);
            moved = !there.empty() || !back.empty();
        }
    }

    std::int32_t request(bool end = false) {
        request_head head;
        head.method = "POST";
        head.authority = "test";
        const auto id = client.open(head, end);
        EXPECT_TRUE(id.has_value());
        pump();
        return *id;
    }

    static std::string number(std::uint32_t value) {
        return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
                static_cast<char>(value)};
    }

    static std::string frame(char type, std::uint32_t id, const std::string& payload) {
        return number(static_cast<std::uint32_t>(payload.size())).substr(1) + type + '\0' + number(id) +
               payload;
    }

    void client_hears(const std::string& bytes) { client_error = client.receive(bytes, now); }

    static std::string goaway(std::uint32_t last_id) { return frame(7, 0, number(last_id) + number(0)); }

    static std::string rst_stream(std::uint32_t id, std::uint32_t code) { return frame(3, id, number(code)); }
};

constexpr std::uint32_t no_error = 0;
constexpr std::uint32_t internal_error = 2;
constexpr std::uint32_t refused_stream = 7;

TEST_F(http2_machines, goaway_names_the_requests_that_were_not_processed) {
    const auto first = request();
    const auto second = request();
    client_hears(goaway(static_cast<std::uint32_t>(first)));
    EXPECT_TRUE(client.going_away());
    EXPECT_FALSE(client.may_open());
    EXPECT_FALSE(client.find(first)->closed);
    EXPECT_TRUE(client.find(second)->closed);
    EXPECT_EQ(client.find(second)->failure, make_error_code(error::going_away));
    EXPECT_EQ(client.write_error(*client.find(second)), make_error_code(error::going_away));
    EXPECT_FALSE(client.write_error(*client.find(first)));
    ASSERT_EQ(server.next_request(), first);
    EXPECT_FALSE(server.respond(first, response_head{}, true));
    pump();
    EXPECT_TRUE(client.find(first)->head_received);
    EXPECT_TRUE(client.find(first)->end_received);
}

// A reader that can't go on yet has one window of its stream in memory, and the connection's other streams flow.
TEST(http2_windows, a_reader_that_waits_holds_nobody_up) {
    http2_session client(http2_role::client, {});
    http2_options small;
    small.stream_window = 64 * 1024;
    small.connection_window = 128 * 1024;
    http2_session server(http2_role::server, small);
    const time_point now{std::chrono::hours(1)};
    std::string into(100'000, ' ');
    const std::string body(300'000, 'b');
    const asio::const_buffer whole(body.data(), body.size());
    request_head head;
    head.method = "POST";
    head.authority = "test";
    std::int32_t waits = 0;
    const auto pump = [&](bool waiting_reads_on) {
        std::size_t read = 0;
        for (bool moved = true; moved;) {
            std::string there;
            std::string back;
            EXPECT_FALSE(client.send(there, 1 << 20));
            EXPECT_FALSE(server.receive(there, now));
            while (const auto id = server.next_request())
                if (waits == 0)
                    waits = *id;
            for (std::int32_t id = 1; id <= 9; id += 2)
                if (auto* stream = server.find(id)) {
                    const auto had = server.read(*stream, asio::buffer(into));
                    read += had;
                    if (had == 0 && (id != waits || waiting_reads_on))
                        server.want_more(*stream);
                }
            EXPECT_FALSE(server.send(back, 1 << 20));
            EXPECT_FALSE(client.receive(back, now));
            moved = !there.empty() || !back.empty();
        }
        return read;
    };
    for (int n = 0; n < 5; ++n) {
        const auto id = client.open(head, false);
        ASSERT_TRUE(id.has_value());
        pump(false);
        client.write(*client.find(*id), {&whole, 1});
        EXPECT_EQ(pump(false), n == 0 ? small.stream_window : body.size()) << n;
    }
    EXPECT_TRUE(server.find(waits)->inbox.empty());
    EXPECT_EQ(pump(true), body.size() - small.stream_window);
}

TEST(http2_heads, secrets_are_never_indexed) {
    http2_session client(http2_role::client, {});
    request_head head;
    head.fields = {{"authorization", "Bearer s"}, {"s2-basin", "b"}};
    for (int n = 0; n < 2; ++n) {
        ASSERT_TRUE(client.open(head, true).has_value());
        std::string sent;
        EXPECT_FALSE(client.send(sent, 1 << 20));
        // RFC 7541, 6.2.3: 0001 and the name's index in the static table, 23 = 15 + 8.
        EXPECT_NE(sent.find("\x1f\x08"), std::string::npos) << n;
    }
}

TEST_F(http2_machines, resets_are_told_apart) {
    const auto refused = request();
    const auto broken = request();
    const auto clean = request();
    client_hears(rst_stream(static_cast<std::uint32_t>(refused), refused_stream));
    client_hears(rst_stream(static_cast<std::uint32_t>(broken), internal_error));
    client_hears(rst_stream(static_cast<std::uint32_t>(clean), no_error)); // without a response: no clean end
    EXPECT_EQ(client.find(refused)->failure, make_error_code(error::refused_stream));
    EXPECT_EQ(client.find(broken)->failure, make_error_code(error::stream_reset));
    EXPECT_EQ(client.find(clean)->failure, make_error_code(error::stream_reset));
    EXPECT_EQ(client.open_streams(), 0u);
    EXPECT_TRUE(client.may_open());
}

TEST_F(http2_machines, no_error_behind_a_whole_response_is_its_end) {
    const auto id = request();
    ASSERT_EQ(server.next_request(), id);
    EXPECT_FALSE(server.respond(id, response_head{}, true));
    server.release(id);
    pump();
    EXPECT_TRUE(client.find(id)->closed);
    EXPECT_FALSE(client.find(id)->failure) << client.find(id)->failure.message();
    EXPECT_EQ(client.write_error(*client.find(id)), make_error_code(error::eof));
    client.release(id);
    EXPECT_EQ(client.find(id), nullptr);
    EXPECT_EQ(server.find(id), nullptr);
}

TEST_F(http2_machines, ping_is_answered) {
    pump();
    client_hears(frame(6, 0, "12345678"));
    std::string out;
    EXPECT_FALSE(client.send(out, 1000));
    EXPECT_EQ(out, std::string("\0\0\x08\x06\x01\0\0\0\0", 9) + "12345678");
}

TEST_F(http2_machines, rapid_reset_ends_the_connection) {
    std::size_t resets = 0;
    while (!server_error && resets < 10'000) {
        const auto id = request();
        client.release(id);
        pump();
        ++resets;
    }
    EXPECT_EQ(server_error, make_error_code(error::limit_exceeded));
    EXPECT_LE(resets, http2_session::reset_burst + 2);
    EXPECT_EQ(server.open_streams(), 0u);
}

TEST_F(http2_machines, resets_at_a_human_pace_are_fine) {
    for (std::size_t resets = 0; resets < 2000 && !server_error; ++resets) {
        now += std::chrono::milliseconds(50);
        const auto id = request();
        client.release(id);
        pump();
    }
    EXPECT_FALSE(server_error) << server_error.message();
}

TEST_F(http2_machines, ping_flood_into_a_stalled_transport_is_bounded) {
    pump();
    error_code ended;
    std::size_t pings = 0;
    while (!ended && pings++ < 100'000)
        ended = server.receive(frame(6, 0, "12345678"), now);
    EXPECT_TRUE(ended);
    EXPECT_LE(pings, 2000u);
}

TEST_F(http2_machines, drain_names_the_last_request_a_round_trip_later) {
    const auto id = request();
    ASSERT_EQ(server.next_request(), id);
    server.drain();
    // A request that was on its way is still taken.
    request_head late;
    late.method = "GET";
    late.authority = "test";
    const auto second = client.open(late, true);
    std::string there;
    EXPECT_FALSE(client.send(there, 1 << 20));
    std::string back;
    EXPECT_FALSE(server.send(back, 1 << 20));
    EXPECT_FALSE(server.receive(there, now));
    EXPECT_FALSE(client.receive(back, now));
    pump();
    ASSERT_EQ(server.next_request(), *second);
    EXPECT_FALSE(client.may_open());
    EXPECT_FALSE(server.over());
    for (const auto open : {id, *second}) {
        EXPECT_FALSE(server.respond(open, response_head{}, true));
        server.release(open);
    }
    pump();
    EXPECT_TRUE(server.over());
    EXPECT_TRUE(client.find(id)->end_received);
    EXPECT_TRUE(client.find(*second)->end_received);
}

TEST_F(http2_machines, what_is_lent_goes_in_pieces) {
    const auto id = request(true);
    ASSERT_EQ(server.next_request(), id);
    EXPECT_FALSE(server.respond(id, response_head{}, false));
    std::string body(1024 * 1024, '\0');
    for (std::size_t at = 0; at < body.size(); ++at)
        body[at] = static_cast<char>(at * at >> 7);
    std::vector<asio::const_buffer> pieces;
    for (std::size_t begin = 0, size = 0; begin < body.size(); begin += size, size = (size + 7) % 1500)
        pieces.emplace_back(body.data() + begin, std::min(size, body.size() - begin)); // some are empty
    server.write(*server.find(id), pieces);
    EXPECT_FALSE(server.finish(*server.find(id)));
    EXPECT_EQ(server.find(id)->handed_over_bytes, 0u);
    std::string received;
    for (bool more = true; more;) {
        std::string out;
        EXPECT_FALSE(server.send(out, 64 * 1024));
        EXPECT_LE(out.size(), 64u * 1024);
        more = !out.empty();
        EXPECT_FALSE(client.receive(out, now));
        std::string piece(256 * 1024, '\0');
        const auto got = client.read(*client.find(id), asio::buffer(piece));
        received.append(piece, 0, got);
    }
    EXPECT_TRUE(received == body);
    EXPECT_EQ(server.find(id)->handed_over_bytes, body.size());
    EXPECT_TRUE(client.find(id)->end_received);
    EXPECT_FALSE(client.find(id)->failure);
}

TEST_F(http2_machines, a_stream_we_gave_up_says_so) {
    const auto first = request();
    const auto second = request();
    client.reset(*client.find(second));
    client_hears(goaway(static_cast<std::uint32_t>(first)));
    EXPECT_TRUE(client.find(second)->closed);
    EXPECT_EQ(client.find(second)->failure, error_code(asio::error::operation_aborted));
}

TEST_F(http2_machines, an_hour_of_quiet_saves_no_more_than_one_burst) {
    now += std::chrono::hours(1);
    std::size_t resets = 0;
    while (!server_error && resets < 1000) {
        client.release(request());
        pump();
        ++resets;
    }
    EXPECT_TRUE(server_error);
    EXPECT_LE(resets, http2_session::reset_burst + 2);
}

TEST_F(http2_machines, a_client_that_leaves_before_the_answer_says_so) {
    const auto id = request(true);
    ASSERT_EQ(server.next_request(), id);
    client.release(id);
    pump();
    EXPECT_EQ(server.find(id)->failure, make_error_code(error::stream_reset));
    EXPECT_EQ(client.find(id), nullptr);
}

TEST_F(http2_machines, a_request_let_go_is_answered_500) {
    const auto id = request(true);
    ASSERT_EQ(server.next_request(), id);
    server.release(id);
    pump();
    EXPECT_TRUE(client.find(id)->head_received);
    EXPECT_EQ(client.find(id)->response.status, 500u);
    EXPECT_FALSE(client.find(id)->failure);
}

TEST_F(http2_machines, a_write_taken_back_is_no_end_of_the_body) {
    const auto id = request(true);
    ASSERT_EQ(server.next_request(), id);
    EXPECT_FALSE(server.respond(id, response_head{}, false));
    const std::string body(100'000, 'b');
    const asio::const_buffer whole(body.data(), body.size());
    server.write(*server.find(id), {&whole, 1});
    EXPECT_FALSE(server.finish(*server.find(id)));
    std::string out;
    EXPECT_FALSE(server.send(out, 20'000));
    server.take_back(*server.find(id));
    EXPECT_EQ(server.write_error(*server.find(id)), error_code(asio::error::operation_aborted));
    EXPECT_FALSE(client.receive(out, now));
    server.release(id);
    pump();
    EXPECT_FALSE(client.find(id)->end_received);
    EXPECT_EQ(client.find(id)->failure, make_error_code(error::stream_reset));
}

TEST_F(http2_machines, a_change_is_told_once) {
    const auto id = request(true);
    client.take_changed();
    ASSERT_EQ(server.next_request(), id);
    EXPECT_FALSE(server.respond(id, response_head{}, true));
    pump();
    EXPECT_EQ(client.take_changed(), std::vector<std::int32_t>{id});
    EXPECT_TRUE(client.take_changed().empty());
}

TEST_F(http2_machines, lost_transport_fails_what_is_open_and_keeps_what_came) {
    const auto id = request();
    ASSERT_EQ(server.next_request(), id);
    EXPECT_FALSE(server.respond(id, response_head{}, false));
    const asio::const_buffer text("partial", 7);
    server.write(*server.find(id), {&text, 1});
    pump();
    client.fail(asio::error::connection_reset);
    auto& stream = *client.find(id);
    EXPECT_EQ(stream.failure, error_code(asio::error::connection_reset));
    EXPECT_EQ(stream.inbox.view(), "partial");
    client.fail(asio::error::operation_aborted);
    EXPECT_EQ(stream.failure, error_code(asio::error::connection_reset));
}

} // namespace
} // namespace net::test
