// HTTP/1.1 as a server and as a client hears it, and heads written from what was heard.
#include "net/byte_queue.hpp"
#include "net/http1/wire.hpp"
#include "tests/fuzz/input.hpp"

namespace {

constexpr std::size_t header_bytes_max = 2048;

struct heard {
    bool head = false;
    bool done = false;
    bool failed = false;
    bool ends_with_transport = false;
    std::string body;
    std::string rest; // not taken
};

// As the exchanges feed a parser: from the first byte that was not taken, each time that more has come.
class listener {
public:
    explicit listener(net::http1_parser& parser)
        : parser_(parser) {}

    bool hear(std::string_view bytes) {
        in_.append(bytes);
        while (!all_.failed && !parser_.head_done())
            if (!take(parser_.head(in_.view())))
                break;
        all_.head = parser_.head_done();
        while (!all_.failed && all_.head && !parser_.done()) {
            std::array<char, 7> into;
            const auto step = parser_.body(in_.view(), net::asio::buffer(into));
            NET_ASSERT(step.produced <= into.size(), "a body stays in its room");
            all_.body.append(into.data(), step.produced);
            if (!take(step) && step.produced == 0)
                break;
        }
        return !all_.failed;
    }

    heard end() {
        all_.done = parser_.done();
        all_.rest = in_.view();
        all_.ends_with_transport = all_.head && !all_.failed && parser_.ends_with_transport();
        return all_;
    }

private:
    bool take(const net::http1_parser::step& step) {
        NET_ASSERT(step.taken <= in_.size(), "only what is there is taken");
        in_.take(step.taken);
        all_.failed = step.failed.failed();
        return step.taken > 0;
    }

    net::http1_parser& parser_;
    net::byte_queue in_;
    heard all_;
};

heard hear(net::http1_parser& parser, std::string_view bytes, fuzz::cut where = fuzz::cut::nowhere) {
    listener ear(parser);
    fuzz::in_pieces(bytes, where, [&](std::string_view piece) { return ear.hear(piece); });
    return ear.end();
}

void same(const heard& whole, const heard& pieces, std::string_view bytes) {
    NET_ASSERT(whole.body.size() <= bytes.size(), "a body is not longer than its bytes");
    // Beast may see an error only with the end of the head or of the chunk's line, which has its limit.
    NET_ASSERT(whole.failed == pieces.failed || !(whole.done || pieces.done), "cuts make no message whole");
    if (whole.failed || pieces.failed)
        return;
    NET_ASSERT(whole.head == pieces.head && whole.done == pieces.done && whole.body == pieces.body,
               "cuts change no message");
    NET_ASSERT(whole.ends_with_transport == pieces.ends_with_transport, "cuts change no end");
    NET_ASSERT(!whole.done || whole.rest == pieces.rest, "cuts change nothing about what comes next");
}

// Heard with every kind of cut by parsers that `make` makes; gives the one that heard it whole.
template <class F>
auto heard_by(F&& make, std::string_view bytes) {
    auto parser = make();
    const auto whole = hear(*parser, bytes);
    same(whole, hear(*make(), bytes, fuzz::cut::somewhere), bytes);
    if (bytes.size() <= 512) // it looks at all that is there with each byte
        same(whole, hear(*make(), bytes, fuzz::cut::everywhere), bytes);
    return parser;
}

bool same(const net::http_fields& a, const net::http_fields& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const auto& x, const auto& y) { return x.name == y.name && x.value == y.value; });
}

void request(std::string_view bytes) {
    const auto parser = heard_by([] { return net::http1_request_parser::make(header_bytes_max); }, bytes);
    if (!parser->head_done())
        return;
    const auto heard = parser->request();
    if (!heard)
        return;
    const auto text = net::http1_request_text(heard->head, net::http1_framing::none);
    if (!text)
        return; // a target or a method that we would not write
    const auto again = net::http1_request_parser::make(2 * header_bytes_max);
    hear(*again, *text);
    NET_ASSERT(again->head_done() && again->done(), "a request that is written is whole, and alone");
    const auto back = again->request();
    NET_ASSERT(back && back->head.method == heard->head.method && back->head.target == heard->head.target &&
                   back->head.authority == heard->head.authority &&
                   same(back->head.fields, heard->head.fields),
               "a request written again is the same");
}

void response(std::string_view bytes, bool bodiless) {
    const auto parser =
        heard_by([=] { return net::http1_response_parser::make(header_bytes_max, bodiless); }, bytes);
    if (!parser->head_done())
        return;
    const auto heard = parser->response();
    (void)net::content_length(heard.head.fields);
    const auto text = net::http1_response_text(
        heard.head, {.body = net::http1_body::left_out, .behind = net::http1_persistence::keep_alive});
    if (!text)
        return;
    const auto again = net::http1_response_parser::make(2 * header_bytes_max, true);
    hear(*again, *text);
    NET_ASSERT(again->head_done(), "a response that is written is whole");
    const auto back = again->response();
    NET_ASSERT(back.head.status == heard.head.status && same(back.head.fields, heard.head.fields),
               "a response written again is the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    request(bytes);
    response(bytes, false);
    response(bytes, true);
    return 0;
}
