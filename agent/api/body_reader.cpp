#include "agent/api/body_reader.hpp"

#include "net/text.hpp"

namespace agent {
namespace {

constexpr std::size_t packed_piece_bytes = 16 * 1024;

} // namespace

body_reader::body_reader(const api_context& context, net::server_exchange& exchange,
                         std::uint64_t limit_bytes)
    : exchange_(exchange)
    , limit_bytes_(limit_bytes)
    , room_(context.bodies, {}, [this] { exchange_.give_up_body(); }) {
    const auto encoding = net::lower_case(net::find_field(exchange.request().fields, "content-encoding"));
    if (encoding.empty() || encoding == "identity")
        return;
    encoding_ = unpacker::find(encoding);
    if (!encoding_)
        refused_ =
            api_error{415, "unsupported_encoding", "a body does not come as content-encoding " + encoding,
                      "send it as gzip, as zstd, or without a content-encoding"};
}

std::optional<std::uint64_t> body_reader::length() const {
    return encoding_ ? std::nullopt : exchange_.request().body_bytes;
}

net::task<void> body_reader::reserve(std::uint64_t bytes) {
    co_await room_.reserve(unpacking_bytes_ + bytes);
}

net::task<net::result<std::size_t>> body_reader::read_some(net::asio::mutable_buffer into) {
    net::result<std::size_t> got(std::size_t(0));
    if (encoding_) {
        got = co_await read_packed(into);
    } else {
        room_.listens();
        got = co_await exchange_.read_some(into);
        room_.busy();
    }
    if (got)
        given_bytes_ += *got;
    if (got && given_bytes_ > limit_bytes_)
        co_return make_error_code(net::error::limit_exceeded);
    co_return got;
}

// The next piece as it came, behind what is left of the one before.
net::task<net::error_code> body_reader::fetch() {
    packed_.erase(0, packed_at_);
    packed_at_ = 0;
    const auto before = packed_.size();
    packed_.resize(before + packed_piece_bytes);
    room_.listens();
    const auto got =
        co_await exchange_.read_some(net::asio::buffer(packed_.data() + before, packed_piece_bytes));
    room_.busy();
    packed_.resize(before + (got ? *got : 0));
    if (!got && net::is_eof(got.error())) {
        ended_ = true;
        co_return net::error_code{};
    }
    if (!got)
        co_return got.error();
    came_bytes_ += *got;
    if (came_bytes_ > limit_bytes_)
        co_return make_error_code(net::error::limit_exceeded);
    co_return net::error_code{};
}

// The first bytes tell how much memory unpacking takes.
net::task<net::error_code> body_reader::begin_unpacking() {
    while (!ended_ && packed_.size() < encoding_->begin_bytes) {
        const net::error_code failed = co_await fetch();
        if (failed)
            co_return failed;
    }
    unpacking_bytes_ = encoding_->memory_bytes(packed_) + packed_piece_bytes;
    co_await room_.reserve(unpacking_bytes_);
    unpacker_ = encoding_->make(packed_);
    co_return net::error_code{};
}

net::task<net::result<std::size_t>> body_reader::read_packed(net::asio::mutable_buffer into) {
    if (!unpacker_) {
        const net::error_code failed = co_await begin_unpacking();
        if (failed)
            co_return failed;
    }
    const std::span<char> room(static_cast<char*>(into.data()), into.size());
    for (;;) {
        const auto made = unpacker_->unpack(std::string_view(packed_).substr(packed_at_), room);
        packed_at_ += made.taken;
        broken_encoding_ = made.broken;
        if (made.made > 0 && !made.broken)
            co_return made.made;
        const bool left = packed_at_ < packed_.size();
        const bool stuck = made.taken == 0 && left;
        if (ended_ && !left && unpacker_->complete())
            co_return make_error_code(net::error::eof);
        broken_encoding_ = broken_encoding_ || stuck || (ended_ && !left);
        if (broken_encoding_)
            co_return make_error_code(net::error::protocol);
        if (left)
            continue;
        const net::error_code failed = co_await fetch();
        if (failed)
            co_return failed;
    }
}

std::optional<api_error> body_error(const body_reader& body, const net::error_code& why,
                                    std::uint64_t limit_bytes) {
    if (why == make_error_code(net::error::limit_exceeded))
        return api_error{413, "too_large",
                         "the body is longer than " + std::to_string(limit_bytes) + " bytes",
                         "send less in one request"};
    if (why == make_error_code(net::error::timed_out))
        return api_error{408, "body_stalled", "the rest of the body did not come",
                         "send it again, without pausing in the middle"};
    if (why == make_error_code(net::error::protocol) && body.broken_encoding())
        return api_error{400, "bad_encoding",
                         "the body is not what its content-encoding says, or it is damaged",
                         "send it again, whole and packed as its content-encoding names"};
    if (why == make_error_code(net::error::protocol))
        return api_error{400, "bad_body", "the body does not keep to the framing that its head names",
                         "send it again, with its content-length or in whole chunks"};
    return std::nullopt;
}

} // namespace agent
