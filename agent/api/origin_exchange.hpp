#pragma once
// An exchange with a web page whose origin may call: every answer says so.

#include "agent/api/access.hpp"

namespace agent {

class origin_exchange final : public net::server_exchange {
public:
    origin_exchange(net::server_exchange& inner, std::string_view origin)
        : inner_(inner)
        , origin_(origin) {}

    const net::request_head& request() const override { return inner_.request(); }

    unsigned http_version() const override { return inner_.http_version(); }

    net::task<net::error_code> respond(net::response_head head, bool end) override {
        for (auto& field : origin_fields(origin_))
            head.fields.push_back(std::move(field));
        return inner_.respond(std::move(head), end);
    }

    bool responded() const override { return inner_.responded(); }

    std::string peer() const override { return inner_.peer(); }

    void give_up_body() noexcept override { inner_.give_up_body(); }

    void refuse() noexcept override { inner_.refuse(); }

    net::task<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override {
        return inner_.read_some(into);
    }

    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override {
        return inner_.write(from);
    }

    net::task<net::error_code> finish() override { return inner_.finish(); }

    void reset() noexcept override { inner_.reset(); }

private:
    net::server_exchange& inner_;
    std::string origin_;
};

} // namespace agent
