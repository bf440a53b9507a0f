// Frames of a peer between what an owner may do at any time, as steps. The first byte says which side we are.
#include "net/http2/session.hpp"
#include "tests/fuzz/input.hpp"

#include <array>
#include <deque>
#include <map>
#include <set>

namespace {

using net::http2_role;

constexpr net::http2_options options{65'535, 100'000, 8, 2048};
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t written_max = 1 << 20;

std::string number(std::uint64_t value, unsigned bytes) {
    std::string text;
    while (bytes-- > 0)
        text += static_cast<char>(value >> (8 * bytes));
    return text;
}

class connection {
public:
    connection(http2_role role, fuzz::steps input)
        : role_(role)
        , input_(input)
        , session_(role, options) {
        if (role == http2_role::server)
            hear(std::string(preface) + number(0, 3) + '\4' + number(0, 5)); // and empty SETTINGS
    }

    void run() {
        while (!input_.over() && !failed_) {
            step();
            check();
        }
        session_.fail(net::asio::error::connection_reset);
        check();
        const auto owned = owned_;
        for (const auto id : owned)
            release(id);
        NET_ASSERT(session_.open_streams() == 0, "a lost connection has no streams");
    }

private:
    void hear(std::string_view bytes) {
        const fuzz::tight copy(bytes);
        failed_ = session_.receive(copy.view(), now_);
        NET_ASSERT(!failed_ || failed_ == net::make_error_code(net::error::protocol) ||
                       failed_ == net::make_error_code(net::error::limit_exceeded),
                   "a peer's error is an error of the protocol");
    }

    void hear_frame() {
        const auto type = input_.byte();
        const auto flags = input_.byte();
        const auto id = input_.byte();
        const auto payload = input_.bytes(input_.byte());
        hear(number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + number(id, 4) +
             std::string(payload));
    }

    void send() {
        std::string out;
        const std::size_t limit = 64 * (input_.byte() + 1);
        failed_ = session_.send(out, limit);
        NET_ASSERT(out.size() <= limit + 32 * 1024, "what is sent at once is about what was asked for");
    }

    void open_or_answer() {
        if (role_ == http2_role::client) {
            net::request_head head;
            head.method = "POST";
            head.authority = "test";
            if (session_.may_open() && owned_.size() < 32)
                if (const auto id = session_.open(head, input_.byte() % 2)) {
                    owned_.insert(*id);
                    ++opened_;
                }
            return;
        }
        const auto id = session_.next_request();
        if (!id)
            return;
        NET_ASSERT(owned_.insert(*id).second, "a request is handed out once");
        NET_ASSERT(session_.find(*id) && session_.find(*id)->head_received, "a request has its head");
    }

    net::http2_stream* chosen() {
        if (owned_.empty())
            return nullptr;
        auto* stream = session_.find(*std::next(owned_.begin(), input_.byte() % owned_.size()));
        NET_ASSERT(stream, "a stream lives until its owner leaves");
        return stream;
    }

    void respond(net::http2_stream& stream) {
        if (role_ == http2_role::client || stream.head_sent)
            return;
        const auto refused =
            session_.respond(stream.id, {200, {{"content-type", "text/plain"}}}, input_.byte() % 2);
        NET_ASSERT(stream.head_sent == !refused, "a head is sent, or refused");
    }

    void write(net::http2_stream& stream) {
        static const std::string bytes(64 * 1024, 'b');
        const std::size_t size = input_.byte() * 256;
        const bool begun = role_ == http2_role::client || stream.head_sent;
        if (!begun || stream.end_queued || session_.lending(stream) || session_.write_error(stream) ||
            written_ + size > written_max)
            return;
        written_ += size;
        const auto& pieces = lent_.emplace_back(std::array{net::asio::buffer(bytes.data(), size / 2),
                                                           net::asio::buffer(bytes.data(), size - size / 2)});
        session_.write(stream, pieces);
    }

    void read(net::http2_stream& stream) {
        std::array<char, 1024> into;
        const auto held = stream.inbox.size();
        const auto got =
            session_.read(stream, net::asio::buffer(into.data(), std::size_t{4} * input_.byte()));
        NET_ASSERT(stream.inbox.size() == held - got, "what is read is taken");
    }

    void release(std::int32_t id) {
        owned_.erase(id);
        failures_.erase(id);
        session_.release(id);
    }

    void step() {
        const auto what = input_.byte() % 16;
        if (what < 5)
            return hear_frame();
        if (what == 5)
            return hear(input_.bytes(input_.byte()));
        if (what == 6)
            return send();
        if (what == 7)
            return open_or_answer();
        if (what == 8) {
            now_ += std::chrono::milliseconds(input_.byte());
            (void)session_.take_changed();
            return;
        }
        if (what == 9 && input_.byte() == 0)
            return session_.drain();
        auto* stream = chosen();
        if (!stream)
            return;
        switch (what) {
        case 10:
            return respond(*stream);
        case 11:
            return write(*stream);
        case 12:
            return read(*stream);
        case 13:
            if (role_ == http2_role::client || stream->head_sent)
                NET_ASSERT(session_.finish(*stream) || stream->end_queued,
                           "a body is ended, or its stream is");
            return;
        case 14:
            return input_.byte() % 2 ? session_.reset(*stream) : session_.take_back(*stream);
        case 15:
            return release(stream->id);
        default:
            return;
        }
    }

    void check() {
        std::size_t bodies = 0;
        for (const auto id : owned_) {
            const auto* stream = session_.find(id);
            NET_ASSERT(stream, "a stream lives until its owner leaves");
            bodies += stream->inbox.size();
            auto& failure = failures_[id];
            NET_ASSERT(!failure || failure == stream->failure, "a failure is set once");
            failure = stream->failure;
            NET_ASSERT(!stream->closed || !session_.lending(*stream), "a closed stream borrows nothing");
        }
        NET_ASSERT(bodies <= options.connection_window, "what is received and not read is within the window");
        const auto streams_max = role_ == http2_role::client ? opened_ : options.concurrent_streams_max;
        NET_ASSERT(session_.open_streams() <= streams_max, "streams are within their number");
        (void)session_.over();
    }

    http2_role role_;
    fuzz::steps input_;
    net::http2_session session_;
    net::time_point now_{std::chrono::hours(1)};
    net::error_code failed_;
    std::set<std::int32_t> owned_;
    std::map<std::int32_t, net::error_code> failures_;
    std::size_t written_ = 0;
    std::deque<std::array<net::asio::const_buffer, 2>> lent_; // the session may still read what they name
    std::size_t opened_ = 0;                                  // what was released counts until it has ended
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::steps input(fuzz::text_of(data, size));
    const auto role = input.byte() % 2 ? http2_role::client : http2_role::server;
    connection(role, input).run();
    return 0;
}
