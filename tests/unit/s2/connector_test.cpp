#include "../net/test_world.hpp"
#include "net/system/files.hpp"
#include "s2/connector.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace s2 {
namespace {

using net::task;
using net::task_group;
using net::with_task_group;

// A world whose helper thread has other work: each piece begins, and is heard of, when the test says so.
class busy_world final : public net::environment {
public:
    net::test::test_world world;
    net::condition begins{world};
    net::condition is_heard_of{world};

    net::asio::any_io_executor executor() override { return world.executor(); }

    net::time_point now() const override { return world.now(); }

    net::wall_micros wall_now() const override { return world.wall_now(); }

    std::unique_ptr<net::timer> make_timer() override { return world.make_timer(); }

    void random_bytes(std::span<std::byte> out) override { world.random_bytes(out); }

    task<net::result<std::unique_ptr<net::stream>>> dial(const net::endpoint& to,
                                                         net::time_point by) override {
        return world.dial(to, by);
    }

    net::result<std::unique_ptr<net::listener>> listen(const net::endpoint& at) override {
        return world.listen(at);
    }

    net::result<std::unique_ptr<net::stream>> standard_input() override { return world.standard_input(); }

    net::file_system& files() override { return *real_files; }

    std::string boot_id() const override { return world.boot_id(); }

    std::unique_ptr<net::file_system> real_files = net::make_system_files();

    task<void> on_helper_impl(std::function<void()> work) override {
        co_await begins.wait();
        work();
        co_await is_heard_of.wait();
    }
};

// Two hosts are dialled before the anchors are there, and neither finds any: each says what it met itself.
TEST(connector, each_dial_has_a_reason_of_its_own) {
    busy_world env;
    auto dir = (std::filesystem::temp_directory_path() / "ringtail-XXXXXX").string();
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    connector_options options;
    options.ca_file = std::filesystem::path(dir) / "ca.pem";
    std::string first;
    std::string second;
    env.world.run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            const auto where = endpoints::parse("https://a.example", "https://b.example");
            connector to(group, *where, options);
            const auto dial = [&](const char* name, std::string& failed) -> task<void> {
                const auto made = co_await to.connect(*net::parse_url(name), net::never);
                failed = made ? "connected" : made.error().text();
            };
            group.spawn([&] { return dial("https://a.example", first); });
            co_await env.world.settle();
            env.begins.notify();
            co_await env.world.settle();
            group.spawn([&] { return dial("https://b.example", second); });
            co_await env.world.settle();
            env.is_heard_of.notify();
            co_await env.world.settle();
            EXPECT_THAT(first, testing::AllOf(testing::HasSubstr("cannot connect to a.example"),
                                              testing::HasSubstr("ca.pem")));
            std::ofstream(options.ca_file) << "no certificate";
            env.begins.notify();
            co_await env.world.settle();
            env.is_heard_of.notify();
            co_await group.join();
        });
    });
    EXPECT_THAT(second, testing::AllOf(testing::HasSubstr("cannot connect to b.example"),
                                       testing::HasSubstr("ca.pem")));
    std::filesystem::remove_all(dir);
}

} // namespace
} // namespace s2
