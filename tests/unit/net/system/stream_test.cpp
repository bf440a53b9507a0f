#include "tests/unit/net/stream_pair.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

class named_pipe_test : public system_stream_test {
protected:
    void SetUp() override {
        system_stream_test::SetUp();
        std::filesystem::remove(file);
        ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    }

    int open_to_write() {
        const int writer = ::open(file.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        EXPECT_GE(writer, 0) << "nobody reads";
        return writer;
    }
};

TEST_F(named_pipe_test, before_its_first_writer_it_is_no_end_of_input) {
    auto from = env.open_input(file);
    ASSERT_TRUE(from) << from.error().message();
    run([&]() -> task<void> {
        bool ended = false;
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto all = co_await receive_all(**from);
                ended = true;
                EXPECT_EQ(*all, "what the writer says");
            });
            for (int turn = 0; turn < 10; ++turn)
                co_await sleep_until(env,
                                     in(1ms)); // a turn of the loop: it must not take nothing for the end
            EXPECT_FALSE(ended);
            EXPECT_FALSE((*from)->has_writer());
            const int writer = open_to_write();
            co_await sleep_until(env, in(1ms));
            EXPECT_FALSE(ended) << "a writer that has said nothing yet";
            EXPECT_EQ(::write(writer, "what the writer says", 20), 20);
            ::close(writer);
            co_await group.join();
        });
        EXPECT_TRUE((*from)->has_writer());
    });
}

TEST_F(named_pipe_test, a_writer_that_says_nothing_ends_it) {
    auto from = env.open_input(file);
    ASSERT_TRUE(from);
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto all = co_await receive_all(**from);
                EXPECT_EQ(*all, "");
            });
            co_await sleep_until(env, in(1ms));
            ::close(open_to_write());
            co_await group.join();
        });
    });
}

TEST_F(named_pipe_test, waiting_for_the_writer_can_be_ended) {
    auto from = env.open_input(file);
    ASSERT_TRUE(from);
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto got = co_await receive(**from, 1);
                EXPECT_TRUE(is_cancelled(got.error()));
            });
            co_await sleep_until(env, in(1ms));
            (*from)->close();
            co_await group.join();
        });
    });
}

TEST_F(system_stream_test, a_file_has_no_writer_and_a_socket_has_one) {
    const auto opened = env.open_input(file);
    ASSERT_TRUE(opened);
    EXPECT_FALSE((*opened)->has_writer());
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const auto socket = make_descriptor_stream(env.executor(), ends[0], "socket");
    EXPECT_TRUE((*socket)->has_writer());
    ::close(ends[1]);
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
