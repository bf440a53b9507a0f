#pragma once
// Two ends of a connection within one process, and a stream that makes life hard for what lies above it.

#include "net/environment.hpp"
#include "net/system/stream.hpp"

#include <boost/asio/local/connect_pair.hpp>

#include <algorithm>
#include <utility>

namespace net::test {

inline std::pair<std::unique_ptr<stream>, std::unique_ptr<stream>> make_pair(environment& env) {
    asio::local::stream_protocol::socket one(env.executor());
    asio::local::stream_protocol::socket other(env.executor());
    asio::local::connect_pair(one, other);
    return {make_unix_stream(std::move(one)), make_unix_stream(std::move(other))};
}

// Reads at most `read_max` bytes at a time, and lets through only so many bytes written before it cuts the
// line.
class hard_stream final : public stream {
public:
    hard_stream(std::unique_ptr<stream> below, std::size_t read_max, std::size_t written_max = SIZE_MAX)
        : below_(std::move(below))
        , read_max_(read_max)
        , written_left_(written_max) {}

    task<result<std::size_t>> read_some(asio::mutable_buffer into) override {
        return below_->read_some(asio::buffer(into, read_max_));
    }

    task<error_code> write(std::span<const asio::const_buffer> from) override {
        for (const auto& one : from) {
            const asio::const_buffer part = asio::buffer(one, written_left_);
            written_left_ -= part.size();
            const error_code ec = co_await below_->write(std::span(&part, 1));
            if (ec)
                co_return ec;
            if (part.size() < one.size()) {
                below_->close();
                co_return asio::error::broken_pipe;
            }
        }
        co_return error_code();
    }

    task<error_code> shutdown_write() override { return below_->shutdown_write(); }

    void close() noexcept override { below_->close(); }

    std::string peer() const override { return below_->peer(); }

private:
    std::unique_ptr<stream> below_;
    std::size_t read_max_;
    std::size_t written_left_;
};

} // namespace net::test
