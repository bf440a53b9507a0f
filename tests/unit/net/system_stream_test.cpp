#include "stream_pair.hpp"
#include "system_loop.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <fstream>
#include <unistd.h>

namespace net::test {
namespace {

class system_stream_test : public system_loop {
protected:
    std::filesystem::path file;

    void SetUp() override {
        char name[] = "/tmp/ringtail-stream-XXXXXX";
        ::close(::mkstemp(name));
        file = name;
    }

    void TearDown() override { std::filesystem::remove(file); }

    // Reads all of standard input while that is `descriptor`.
    result<std::string> read_stdin_from(int descriptor) {
        const int before = ::dup(STDIN_FILENO);
        ::dup2(descriptor, STDIN_FILENO);
        result<std::string> all = std::string();
        run([&]() -> task<void> {
            auto input = env.standard_input();
            EXPECT_TRUE(input) << input.error().message();
            if (input)
                all = co_await receive_all(**input);
        });
        ::dup2(before, STDIN_FILENO);
        ::close(before);
        return all;
    }
};

TEST_F(system_stream_test, a_large_write_of_many_buffers_arrives_whole_and_in_order) {
    std::vector<std::string> parts;
    std::string expected;
    for (std::size_t i = 0; i < 500; ++i) {
        parts.push_back(std::string(i % 7 == 0 ? 0 : i * 31, static_cast<char>('a' + i % 26)));
        expected += parts.back();
    }
    std::vector<asio::const_buffer> buffers;
    for (const auto& one : parts)
        buffers.push_back(asio::buffer(one));
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const error_code ec = co_await one->write(buffers);
                EXPECT_FALSE(ec);
                co_await one->shutdown_write();
            });
            const auto all = co_await receive_all(*other);
            EXPECT_TRUE(all && *all == expected);
            co_await group.join();
        });
    });
}

TEST_F(system_stream_test, writing_nothing_succeeds) {
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        const error_code none = co_await one->write({});
        EXPECT_FALSE(none);
        const error_code empty = co_await send(*one, "");
        EXPECT_FALSE(empty);
    });
}

TEST_F(system_stream_test, close_ends_what_is_outstanding_and_all_that_follows_as_cancelled) {
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        const std::string much(8 * 1024 * 1024, 'x');
        int ended = 0;
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto got = co_await receive(*one, 1);
                EXPECT_TRUE(is_cancelled(got.error()));
                ++ended;
            });
            group.spawn([&]() -> task<void> {
                const error_code ec = co_await send(*one, much); // nobody reads
                EXPECT_TRUE(is_cancelled(ec));
                ++ended;
            });
            co_await sleep_until(env, in(5ms));
            one->close();
            one->close();
            co_await group.join();
        });
        EXPECT_EQ(ended, 2);
        const auto got = co_await receive(*one, 1);
        EXPECT_TRUE(is_cancelled(got.error()));
        const error_code ec = co_await one->shutdown_write();
        EXPECT_TRUE(is_cancelled(ec));
    });
}

TEST_F(system_stream_test, a_stream_may_be_destroyed_under_a_read) {
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                char byte = 0;
                auto reading = one->read_some(asio::buffer(&byte, 1));
                const auto got = co_await std::move(reading);
                EXPECT_TRUE(is_cancelled(got.error()));
            });
            co_await sleep_until(env, in(2ms));
            one.reset();
            co_await group.join();
        });
    });
}

TEST_F(system_stream_test, standard_input_may_be_a_file_read_from_where_it_stands) {
    std::string text(1024 * 1024, '\0');
    env.random_bytes(std::as_writable_bytes(std::span(text)));
    std::ofstream(file) << text;
    const int opened = ::open(file.c_str(), O_RDONLY);
    ::lseek(opened, 1000, SEEK_SET);
    const auto all = read_stdin_from(opened);
    ::close(opened);
    ASSERT_TRUE(all) << all.error().message();
    EXPECT_TRUE(*all == text.substr(1000));
}

TEST_F(system_stream_test, standard_input_may_be_a_pipe_and_keeps_its_flags) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::write(ends[1], "line\n", 5), 5);
    ::close(ends[1]);
    const auto all = read_stdin_from(ends[0]);
    EXPECT_EQ(*all, "line\n");
    EXPECT_EQ(::fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0) << "shared with who gave us the pipe";
    ::close(ends[0]);
}

TEST_F(system_stream_test, standard_input_may_be_dev_null_or_a_socket) {
    const int null = ::open("/dev/null", O_RDONLY);
    EXPECT_EQ(*read_stdin_from(null), "");
    ::close(null);
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    ::close(ends[1]);
    EXPECT_EQ(*read_stdin_from(ends[0]), "x");
    ::close(ends[0]);
}

TEST_F(system_stream_test, a_pipe_that_is_filled_later_wakes_its_reader) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    auto from = make_descriptor_stream(env.executor(), ends[0], "pipe");
    ASSERT_TRUE(from);
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto all = co_await receive_all(**from);
                EXPECT_EQ(*all, "later");
            });
            co_await sleep_until(env, in(2ms));
            EXPECT_EQ(::write(ends[1], "later", 5), 5);
            ::close(ends[1]);
            co_await group.join();
        });
    });
}

} // namespace
} // namespace net::test
