#pragma once
// A connection on which something goes wrong that is no error of the connection.

#include "net/stream.hpp"

#include <stdexcept>

namespace net::test {

class throwing_stream final : public stream {
public:
    task<result<std::size_t>> read_some(asio::mutable_buffer) override {
        throw std::runtime_error("the reader is broken");
        co_return 0;
    }

    task<error_code> write(std::span<const asio::const_buffer>) override {
        throw std::runtime_error("the writer is broken");
        co_return error_code();
    }

    task<error_code> shutdown_write() override { co_return error_code(); }

    void close() noexcept override {}

    std::string peer() const override { return "test"; }
};

} // namespace net::test
