#pragma once
// An environment without a network: files in memory, a boot id that a test changes, seeded randomness.

#include "memory_files.hpp"
#include "net/environment.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <random>

namespace agent::test {

class memory_world final : public net::environment {
public:
    explicit memory_world(std::uint64_t seed = 1)
        : random_(seed) {}

    memory_files disk;
    std::string boot = "boot-1";
    net::time_point time{};
    net::wall_micros wall = 0;
    std::function<void()> after_helper; // what happens before the loop hears of it

    net::asio::any_io_executor executor() override { return loop_.get_executor(); }

    net::time_point now() const override { return time; }

    net::wall_micros wall_now() const override { return wall; }

    std::unique_ptr<net::timer> make_timer() override { return nullptr; }

    void random_bytes(std::span<std::byte> out) override {
        if (disk.before_call)
            disk.before_call();
        for (auto& one : out)
            one = static_cast<std::byte>(random_());
    }

    net::task<net::result<std::unique_ptr<net::stream>>> dial(const net::endpoint&,
                                                              net::time_point) override {
        co_return memory_files::error(ENETUNREACH);
    }

    net::result<std::unique_ptr<net::listener>> listen(const net::endpoint&) override {
        return memory_files::error(ENETUNREACH);
    }

    net::result<std::unique_ptr<net::stream>> standard_input() override {
        return memory_files::error(ENOSYS);
    }

    net::file_system& files() override { return disk; }

    std::string boot_id() const override { return boot; }

    net::task<void> on_helper_impl(std::function<void()> work) override {
        work();
        if (after_helper)
            after_helper();
        co_return;
    }

    // To its end.
    void run(net::task<> task) {
        net::asio::co_spawn(loop_, std::move(task), [](const std::exception_ptr& failed) {
            if (failed)
                std::rethrow_exception(failed);
        });
        loop_.restart();
        loop_.run();
    }

private:
    net::asio::io_context loop_;
    std::mt19937_64 random_;
};

} // namespace agent::test
