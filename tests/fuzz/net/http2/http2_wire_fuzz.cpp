// Bytes of a peer in both roles: a server hears the input behind a client's preface, a client hears it after
// three requests.
#include "net/http2/session.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using net::http2_role;
using net::http2_session;

constexpr net::http2_options options{4096, 100'000, 8, 2048};
constexpr net::time_point now{std::chrono::hours(1)};
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct heard {
    net::error_code failed;
    std::string answer;
    bool over = false; // bytes behind the end are not looked at, and where they begin depends on the cuts
};

void within_bounds(http2_session& session, std::int32_t streams) {
    constexpr std::size_t field_overhead = 32;
    std::size_t bodies = 0;
    for (std::int32_t id = 1; id <= streams; ++id) {
        const auto* stream = session.find(id);
        if (!stream)
            continue;
        bodies += stream->inbox.size();
        std::size_t head = 0;
        for (const auto* fields : {&stream->request.fields, &stream->response.fields})
            for (const auto& field : *fields)
                head += field.name.size() + field.value.size() + field_overhead;
        NET_ASSERT(head <= options.header_bytes_max, "a head is within its limit");
    }
    NET_ASSERT(bodies <= options.connection_window, "what is received and not read is within the window");
    NET_ASSERT(session.open_streams() <= options.concurrent_streams_max, "streams are within their number");
}

heard hear(http2_role role, std::string_view bytes, fuzz::cut where) {
    http2_session session(role, options);
    heard all;
    if (role == http2_role::client)
        for (const bool end : {true, true, false}) {
            net::request_head head;
            head.authority = "test";
            NET_ASSERT(session.open(head, end), "a client opens requests");
        }
    NET_ASSERT(!session.send(all.answer, 1 << 20), "a session begins with its own frames");
    const auto before = all.answer.size();
    if (role == http2_role::server)
        NET_ASSERT(!session.receive(preface, now), "a server takes the preface");
    fuzz::in_pieces(bytes, where, [&](std::string_view piece) {
        all.failed = session.receive(piece, now);
        return !all.failed;
    });
    within_bounds(session, 200); // nobody has read, so nothing was larger before
    NET_ASSERT(!all.failed || all.failed == net::make_error_code(net::error::protocol) ||
                   all.failed == net::make_error_code(net::error::limit_exceeded),
               "a peer's error is an error of the protocol");
    const auto lost = session.send(all.answer, 1 << 22);
    NET_ASSERT(!lost || all.failed || lost == net::make_error_code(net::error::protocol),
               "an answer fails as the connection does");
    // A frame of nine bytes is worth at most a reset, a GOAWAY with its words, or the head of a refusal.
    NET_ASSERT(all.answer.size() - before <= 1024 + 8 * bytes.size(),
               "an answer is not much longer than its cause");
    all.over = session.over();
    session.fail(net::asio::error::connection_reset);
    NET_ASSERT(session.open_streams() == 0, "a lost connection has no streams");
    return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    for (const auto role : {http2_role::client, http2_role::server}) {
        const auto whole = hear(role, bytes, fuzz::cut::nowhere);
        const auto pieces = hear(role, bytes, fuzz::cut::somewhere);
        // The other way round it may be: behind a head that is not whole nghttp2 counts each piece of what
        // follows, against a limit of eight.
        NET_ASSERT(pieces.failed || !whole.failed, "cuts make no error go away");
        if (!pieces.failed && !whole.over && !pieces.over)
            NET_ASSERT(whole.answer == pieces.answer, "cuts change no answer");
    }
    return 0;
}
