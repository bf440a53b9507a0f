#pragma once
// One request on an http1_connection, as its handler sees it. The response's framing follows from its head:
// content-length where it says one (the head then leaves together with the first bytes of the body), chunked,
// or in HTTP/1.0 until the connection closes.

#include "net/http1/connection.hpp"

namespace net {

constexpr std::size_t unread_body_bytes_max = 64 * 1024;

class http1_exchange final : public server_exchange {
public:
    http1_exchange(http1_connection& connection, http1_request request, http1_request_parser& parser);

    const request_head& request() const override { return request_.head; }

    unsigned http_version() const override { return 1; }

    bool responded() const override { return responded_; }

    std::string peer() const override { return connection_.peer(); }

    task<error_code> respond(response_head head, bool end) override;
    task<result<std::size_t>> read_some(asio::mutable_buffer into) override;
    task<error_code> write(std::span<const asio::const_buffer> from) override;
    task<error_code> finish() override;

    void reset() noexcept override { connection_.fail(asio::error::operation_aborted); }

    void give_up_body() noexcept override;

    // After the handler has left: answers for it, reads the rest of the request, and says whether the
    // connection can carry another one.
    task<bool> complete(time_point deadline);

private:
    task<error_code> send(std::span<const asio::const_buffer> from);

    http1_connection& connection_;
    http1_request request_;
    http1_request_parser& parser_;
    http1_framing framing_ = http1_framing::none;
    std::uint64_t length_left_ = 0;
    std::string pending_head_;
    bool responded_ = false;
    bool finished_ = false;
    bool torn_ = false; // a write was abandoned halfway, or a body broke off: only closing tells the peer
    bool body_given_up_ = false;
    bool keep_alive_;
    bool continue_owed_;
};

} // namespace net
