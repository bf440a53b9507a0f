#pragma once
// An environment without a network: files in memory, a boot id that a test changes, seeded randomness.

#include "memory_files.hpp"
#include "net/environment.hpp"

#include <boost/asio/io_context.hpp>

#include <random>

namespace agent::test {

class memory_world final : public net::environment {
public:
    explicit memory_world(std::uint64_t seed = 1)
        : random_(seed) {}

    memory_files disk;
    std::string boot = "boot-1";

    net::asio::any_io_executor executor() override { return loop_.get_executor(); }

    net::time_point now() const override { return {}; }

    net::wall_micros wall_now() const override { return 0; }

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
        co_return;
    }

private:
    net::asio::io_context loop_;
    std::mt19937_64 random_;
};

} // namespace agent::test
