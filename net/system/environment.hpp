#pragma once
// The real world behind net::environment: the kernel's clocks, sockets, files and randomness, on one
// io_context.

#include "net/environment.hpp"
#include "net/system/helper_thread.hpp"

#include <boost/asio/io_context.hpp>

namespace net {

class system_environment final : public environment {
public:
    explicit system_environment(asio::io_context& loop); // outlived by the loop

    asio::any_io_executor executor() override { return loop_.get_executor(); }

    time_point now() const override;       // CLOCK_MONOTONIC
    wall_micros wall_now() const override; // CLOCK_REALTIME
    std::unique_ptr<timer> make_timer() override;
    void random_bytes(std::span<std::byte> out) override; // getrandom(2)

    // Addresses are tried in turn, each with its share of the time that is left. A refusal by all of them,
    // names that do not resolve (error::unresolved) and the deadline (error::timed_out) are told apart.
    task<result<std::unique_ptr<stream>>> dial(const endpoint& to, time_point deadline) override;
    result<std::unique_ptr<listener>> listen(const endpoint& at) override;
    result<std::vector<endpoint>> addresses_of(const endpoint& at) override;
    result<std::unique_ptr<listener>> listen_for(const endpoint& path, const socket_access& who) override;
    result<std::unique_ptr<stream>> standard_input() override;
    result<std::unique_ptr<stream>> open_input(const std::filesystem::path& file) override;

    file_system& files() override { return *files_; }

    void notify_supervisor(std::string_view state) override; // to NOTIFY_SOCKET
    std::string boot_id() const override;
    descriptor_supply descriptors() override;

    task<void> on_helper_impl(std::function<void()> work) override { return helper_.run(std::move(work)); }

private:
    asio::io_context& loop_;
    system_helper_thread helper_;
    system_helper_thread resolver_; // a look-up can hang: nothing else waits behind it
    std::unique_ptr<file_system> files_;
};

} // namespace net
