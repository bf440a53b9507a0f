#include "tests/sim/process.hpp"

#include "net/task/suspension.hpp"
#include "tests/sim/abandon.hpp"
#include "tests/sim/network.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>

namespace sim {
namespace {

constexpr net::wall_micros wall_at_start = 1'790'000'000'000'000; // of virtual time zero

} // namespace

class process::alarm_clock final : public net::timer {
public:
    explicit alarm_clock(process& of)
        : of_(of) {}

    ~alarm_clock() override { alarm_clock::cancel(); }

    void start(net::time_point when, std::function<void()> callback) override {
        cancel();
        if (when == net::never)
            return;
        deadline_ = when;
        callback_ = std::move(callback);
        set();
    }

    void cancel() noexcept override {
        if (!number_)
            return;
        of_.world_->cancel_alarm(*number_);
        of_.alarms_.erase(*number_);
        number_.reset();
        callback_ = nullptr;
    }

    // In the process's present world.
    void set() {
        number_ = of_.world_->alarm(of_, deadline_);
        of_.alarms_.emplace(*number_, this);
    }

    void ring() {
        of_.alarms_.erase(*number_);
        number_.reset();
        const auto call = std::exchange(callback_, nullptr);
        call(); // may start, cancel or destroy the timer
    }

private:
    process& of_;
    net::time_point deadline_{};
    std::function<void()> callback_;
    std::optional<std::uint64_t> number_;
};

process::process(world& in, machine& on, std::string name, std::uint64_t id)
    : world_(&in)
    , machine_(&on)
    , name_(std::move(name))
    , id_(id)
    , random_(in.source().fork(name_))
    , files_(std::make_unique<process_files>(on.storage))
    , loop_(std::make_unique<net::asio::io_context>(1)) {}

process::~process() {
    die(true);
}

void process::run(program main) {
    started_ = true;
    ++running_;
    auto body = [](process& self, program make) -> net::task<> { co_await make(self); };
    net::asio::co_spawn(*loop_, body(*this, std::move(main)), [this](std::exception_ptr why) {
        --running_;
        if (why && !failure_)
            failure_ = why;
    });
}

void process::bear_what_lacks() {
    bears_what_lacks_ = true;
    files_->meet_shortages();
    auto& faults = world_->faults();
    boot_id_hidden_ = faults.strikes(fault::boot_id_hidden);
    files_->hides_fingerprint = [this] {
        const bool hidden = world_->faults().strikes(fault::fingerprint_hidden);
        if (hidden)
            world_->faults().fired(fault::fingerprint_hidden);
        return hidden;
    };
}

net::error_code process::hindrance(call what) {
    const auto& lacking = machine_->storage->lacking;
    return lacking && bears_what_lacks_ ? lacking->refuses(what).value_or(net::error_code())
                                        : net::error_code();
}

// As under a sandbox that hides /proc/sys.
std::string process::boot_id() const {
    if (!boot_id_hidden_)
        return machine_->boot_id;
    world_->faults().fired(fault::boot_id_hidden);
    return {};
}

bool process::poll() {
    bool any = false;
    loop_->restart();
    while (loop_->poll() > 0)
        any = true;
    if (failure_)
        try {
            std::rethrow_exception(std::exchange(failure_, nullptr));
        } catch (const verdict&) {
            throw;
        } catch (const std::exception& thrown) {
            throw verdict(exit_crash, name_ + " failed: " + thrown.what());
        }
    return any;
}

void process::ring(std::uint64_t alarm) {
    const auto found = alarms_.find(alarm);
    if (found != alarms_.end())
        found->second->ring();
}

void process::die(bool silent) {
    if (!loop_)
        return;
    if (finished()) {
        loop_.reset();
        files_->kill();
        return;
    }
    files_->freeze();
    abandon(loop_);
    abandon(input_);
    for (const auto& weak : std::exchange(ends_, {}))
        if (const auto one = weak.lock(); one && !silent)
            network::close_end(*one);
    for (const auto& weak : std::exchange(listeners_, {}))
        if (const auto one = weak.lock())
            network::close_listener(*one);
}

void process::move_to(world& other, machine& as, std::uint64_t id) {
    const auto alarms = std::exchange(alarms_, {});
    for (const auto& [number, clock] : alarms)
        world_->cancel_alarm(number);
    as.storage = machine_->storage;
    as.paused_for = machine_->paused_for;
    as.wall_jumped = machine_->wall_jumped;
    as.boot_id = machine_->boot_id;
    world_ = &other;
    machine_ = &as;
    id_ = id;
    random_ = other.source().fork(name_ + " cloned");
    for (const auto& [number, clock] : alarms)
        clock->set();
    for (const auto& weak : std::exchange(ends_, {}))
        if (const auto one = weak.lock())
            network::break_end(*one);
    for (const auto& weak : listeners_)
        if (const auto one = weak.lock())
            other.net().take_over(one);
}

void process::holds(const std::shared_ptr<end_point>& one) {
    std::erase_if(ends_, [](const auto& weak) { return weak.expired(); });
    ends_.push_back(one);
}

net::time_point process::now() const {
    const auto at = machine_->paused ? machine_->paused_since : world_->now();
    return at - machine_->paused_for;
}

net::wall_micros process::wall_now() const {
    const auto since = world_->now().time_since_epoch() + machine_->wall_jumped;
    return wall_at_start + std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

std::unique_ptr<net::timer> process::make_timer() {
    return std::make_unique<alarm_clock>(*this);
}

void process::random_bytes(std::span<std::byte> out) {
    for (auto& each : out)
        each = static_cast<std::byte>(random_.bits());
}

net::task<net::result<std::unique_ptr<net::stream>>> process::dial(const net::endpoint& to,
                                                                   net::time_point deadline) {
    return network::dial(*this, to, deadline);
}

net::result<std::unique_ptr<net::listener>> process::listen(const net::endpoint& at) {
    return world_->net().listen(*this, at);
}

net::result<std::unique_ptr<net::stream>> process::standard_input() {
    if (!input_)
        return make_error_code(boost::system::errc::bad_file_descriptor);
    return std::move(input_);
}

void process::notify_supervisor(std::string_view state) {
    if (on_notify)
        on_notify(state);
}

// One piece of work after the other, each at an instant of its own; what else is ready goes before.
net::task<void> process::on_helper_impl(std::function<void()> work) {
    const auto delay = random_.between(net::duration(1000), machine_->helper_delay_max);
    helper_free_at_ = std::max(helper_free_at_, now()) + delay;
    net::detail::suspension turn(executor());
    std::exception_ptr failed;
    alarm_clock alarm(*this);
    alarm.start(helper_free_at_, [&] {
        try {
            work();
        } catch (...) {
            failed = std::current_exception();
        }
        turn.resume();
    });
    co_await turn.wait(net::detail::suspension::attends::nothing_else);
    if (failed)
        std::rethrow_exception(failed);
}

} // namespace sim
