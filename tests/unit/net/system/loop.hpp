#pragma once
// An io_context with the real environment, for tests: runs one task to its end, and fails a test that leaves
// work behind.

#include "net/system/environment.hpp"
#include "net/task/condition.hpp"
#include "net/task/task_group.hpp"

#include <boost/asio/co_spawn.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

namespace net::test {

using namespace std::chrono_literals;

class system_loop : public testing::Test {
protected:
    asio::io_context loop;
    system_environment env{loop};

    // The longest that any of these tests may take before it counts as hung.
    static constexpr auto patience = 60s;

    void run(std::function<task<void>()> body) {
        std::exception_ptr failure;
        bool ended = false;
        asio::co_spawn(
            loop, [&]() -> task<void> { co_await body(); },
            [&](std::exception_ptr why) {
                failure = why;
                ended = true;
            });
        loop.restart();
        loop.run_for(patience);
        ASSERT_TRUE(ended) << "the task hangs";
        if (failure)
            std::rethrow_exception(failure);
        EXPECT_TRUE(loop.stopped()) << "work is left behind";
    }

    time_point in(duration d) { return env.now() + d; }

    static task<error_code> send(stream& to, std::string_view text) {
        const asio::const_buffer one(text.data(), text.size());
        const error_code ec = co_await to.write(std::span(&one, 1));
        co_return ec;
    }

    // Up to the end of the stream; the error where it does not end in an orderly way.
    static task<result<std::string>> receive_all(stream& from) {
        std::string all;
        std::vector<char> chunk(64 * 1024);
        for (;;) {
            const auto count = co_await from.read_some(asio::buffer(chunk));
            if (!count && is_eof(count.error()))
                co_return all;
            if (!count)
                co_return count.error();
            all.append(chunk.data(), *count);
        }
    }

    static task<result<std::string>> receive(stream& from, std::size_t bytes) {
        std::string all(bytes, '\0');
        std::size_t done = 0;
        while (done < bytes) {
            const auto count = co_await from.read_some(asio::buffer(all.data() + done, bytes - done));
            if (!count)
                co_return count.error();
            done += *count;
        }
        co_return all;
    }
};

} // namespace net::test
