#pragma once
// A listener whose connections and errors a test makes: each connection is one pipe.

#include "net/environment.hpp"
#include "net/task/condition.hpp"
#include "net/task/pipe.hpp"

#include <deque>
#include <utility>

namespace net::test {

class test_listener : public listener {
public:
    explicit test_listener(environment& env)
        : env_(env)
        , changed_(env) {}

    task<result<std::unique_ptr<stream>>> accept() override {
        ++accepts;
        while (waiting_.empty() && !closed_)
            co_await changed_.wait();
        if (closed_)
            co_return error_code(asio::error::operation_aborted);
        auto next = std::move(waiting_.front());
        waiting_.pop_front();
        co_return std::move(next);
    }

    endpoint local() const override { return endpoint::tcp("127.0.0.1", 1); }

    void close() noexcept override {
        closed_ = true;
        changed_.notify();
    }

    std::unique_ptr<stream> dial() {
        auto ends = make_pipe(env_, 64 * 1024);
        waiting_.emplace_back(std::move(ends.first));
        changed_.notify();
        return std::move(ends.second);
    }

    // What the kernel says to the next accept().
    void fail(int error_number) {
        waiting_.emplace_back(error_code(error_number, boost::system::system_category()));
        changed_.notify();
    }

    // A connection that the server accepts as it is.
    void hand_over(std::unique_ptr<stream> one) {
        waiting_.emplace_back(std::move(one));
        changed_.notify();
    }

    bool closed() const { return closed_; }

    std::size_t accepts = 0;

private:
    environment& env_;
    condition changed_;
    std::deque<result<std::unique_ptr<stream>>> waiting_;
    bool closed_ = false;
};

} // namespace net::test
