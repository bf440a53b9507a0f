#pragma once
// One process of the simulated world: a loop of its own, and the environment that its program sees. A machine
// is what its processes share and what outlives them.
//
// A process that is killed stops as it stands: its loop is never run again and its frames are never
// destroyed, since destructors would still act. (They stay in memory until the program ends, which is why
// seeds run in batches.) Its connections end as a kernel ends those of a dead process, or silently, where the
// machine died.

#include "net/environment.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/process_files.hpp"

#include <boost/asio/io_context.hpp>

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace sim {

struct machine {
    std::string name; // its loopback and its Unix sockets are its own
    std::shared_ptr<disk> storage;
    std::string boot_id = "boot-1";
    bool trusted = false; // its links meet no faults
    net::duration wall_jumped{};
    net::duration helper_delay_max = std::chrono::microseconds(200); // of one piece of blocking work
    bool paused = false;
    net::time_point paused_since{};
    net::duration paused_for{};
};

class process final : public net::environment {
public:
    using program = std::function<net::task<>(process&)>;

    process(world& in, machine& on, std::string name, std::uint64_t id);
    ~process() override;

    // The program, or one more task of it; when none is left the process has ended.
    void run(program main);

    std::uint64_t id() const { return id_; }

    const std::string& name() const { return name_; }

    machine& on() const { return *machine_; }

    world& in() const { return *world_; }

    bool finished() const { return started_ && running_ == 0; }

    // What its standard input is; before its program asks for it.
    void give_input(std::unique_ptr<net::stream> input) { input_ = std::move(input); }

    std::function<void(std::string_view)> on_notify; // to the service manager

    // It is the one that the machine's shortages and hidden facts concern.
    void bear_what_lacks();
    net::error_code hindrance(call what);

    // --- for the world
    bool poll();
    void ring(std::uint64_t alarm);
    void die(bool silent);
    void move_to(world& other, machine& as, std::uint64_t id);

    void holds(const std::shared_ptr<end_point>& one);

    void listens(std::weak_ptr<network::listening> on) { listeners_.push_back(std::move(on)); }

    // --- net::environment
    net::asio::any_io_executor executor() override { return loop_->get_executor(); }

    net::time_point now() const override;
    net::wall_micros wall_now() const override;
    std::unique_ptr<net::timer> make_timer() override;
    void random_bytes(std::span<std::byte> out) override;
    net::task<net::result<std::unique_ptr<net::stream>>> dial(const net::endpoint& to,
                                                              net::time_point deadline) override;
    net::result<std::unique_ptr<net::listener>> listen(const net::endpoint& at) override;
    net::result<std::unique_ptr<net::stream>> standard_input() override;

    net::file_system& files() override { return *files_; }

    void notify_supervisor(std::string_view state) override;

    std::string boot_id() const override;

    net::task<void> on_helper_impl(std::function<void()> work) override;

private:
    class alarm_clock;

    world* world_;
    machine* machine_;
    std::string name_;
    std::uint64_t id_;
    draw random_;
    std::unique_ptr<process_files> files_;
    std::map<std::uint64_t, alarm_clock*> alarms_;
    std::vector<std::weak_ptr<end_point>> ends_;
    std::vector<std::weak_ptr<network::listening>> listeners_;
    std::unique_ptr<net::stream> input_;
    bool bears_what_lacks_ = false;
    bool boot_id_hidden_ = false;
    net::time_point helper_free_at_{};
    std::size_t running_ = 0;
    bool started_ = false;
    std::exception_ptr failure_;
    std::unique_ptr<net::asio::io_context> loop_; // last: its frames refer to all of the above
};

} // namespace sim
