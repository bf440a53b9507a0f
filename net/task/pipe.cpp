#include "net/task/pipe.hpp"

#include "net/assert.hpp"
#include "net/byte_queue.hpp"
#include "net/task/condition.hpp"

#include <algorithm>

namespace net {
namespace {

struct direction {
    direction(environment& env, std::size_t capacity)
        : capacity_bytes(capacity)
        , changed(env) {}

    const std::size_t capacity_bytes;
    byte_queue held;
    bool ended = false;         // the writer has shut down, or is closed
    bool reader_closed = false; // nobody will take more
    condition changed;
};

class pipe_end final : public stream {
public:
    pipe_end(std::shared_ptr<direction> in, std::shared_ptr<direction> out)
        : in_(std::move(in))
        , out_(std::move(out)) {}

    ~pipe_end() override { close(); }

    task<result<std::size_t>> read_some(asio::mutable_buffer into) override { return read(in_, into); }

    task<error_code> write(std::span<const asio::const_buffer> from) override {
        return write(out_, from, own_);
    }

    task<error_code> shutdown_write() override {
        if (own_->closed)
            co_return asio::error::operation_aborted;
        out_->ended = true;
        out_->changed.notify();
        co_return error_code{};
    }

    void shutdown_read() noexcept override {
        in_->reader_closed = true;
        in_->held.clear();
        in_->changed.notify();
    }

    void close() noexcept override {
        own_->closed = true;
        in_->reader_closed = true;
        in_->held.clear();
        out_->ended = true;
        in_->changed.notify();
        out_->changed.notify();
    }

    std::string peer() const override { return "in-process"; }

private:
    struct state {
        bool closed = false;
    };

    // The operations keep what they wait on: the end may be destroyed under them.
    static task<result<std::size_t>> read(std::shared_ptr<direction> in, asio::mutable_buffer into) {
        for (;;) {
            if (in->reader_closed)
                co_return error_code(asio::error::operation_aborted);
            if (!in->held.empty()) {
                const auto count = in->held.move_to(into);
                in->changed.notify();
                co_return count;
            }
            if (in->ended)
                co_return make_error_code(error::eof);
            co_await in->changed.wait();
        }
    }

    static task<error_code> write(std::shared_ptr<direction> out, std::span<const asio::const_buffer> from,
                                  std::shared_ptr<state> own) {
        for (auto piece : from) {
            while (piece.size() > 0) {
                if (own->closed)
                    co_return asio::error::operation_aborted;
                if (out->reader_closed || out->ended)
                    co_return asio::error::broken_pipe;
                const auto room = out->capacity_bytes - out->held.size();
                const auto count = std::min(room, piece.size());
                if (count == 0) {
                    co_await out->changed.wait();
                    continue;
                }
                out->held.append({static_cast<const char*>(piece.data()), count});
                piece += count;
                out->changed.notify();
            }
        }
        co_return error_code{};
    }

    std::shared_ptr<direction> in_;
    std::shared_ptr<direction> out_;
    std::shared_ptr<state> own_ = std::make_shared<state>();
};

} // namespace

std::pair<std::unique_ptr<stream>, std::unique_ptr<stream>> make_pipe(environment& env,
                                                                      std::size_t capacity_bytes) {
    NET_ASSERT(capacity_bytes > 0, "a pipe holds at least one byte");
    auto there = std::make_shared<direction>(env, capacity_bytes);
    auto back = std::make_shared<direction>(env, capacity_bytes);
    return {std::make_unique<pipe_end>(back, there), std::make_unique<pipe_end>(there, back)};
}

} // namespace net
