#include "net/system/environment.hpp"

#include "net/assert.hpp"
#include "net/system/descriptor_supply.hpp"
#include "net/system/dial.hpp"
#include "net/system/files.hpp"
#include "net/system/listener.hpp"
#include "net/system/signals.hpp"
#include "net/system/stream.hpp"

#include <boost/asio/steady_timer.hpp>

#include <sys/random.h>

#include <cerrno>
#include <ctime>
#include <fstream>

namespace net {
namespace {

template <class Unit>
std::int64_t read_clock(clockid_t which) {
    timespec value{};
    ::clock_gettime(which, &value);
    return std::chrono::duration_cast<Unit>(std::chrono::seconds(value.tv_sec) +
                                            std::chrono::nanoseconds(value.tv_nsec))
        .count();
}

// Asio may have queued the handler of a timer when that is cancelled: the round tells whether it still
// counts.
class system_timer final : public timer {
    struct state {
        explicit state(asio::io_context& loop)
            : alarm(loop) {}

        asio::steady_timer alarm;
        std::function<void()> callback;
        std::uint64_t round = 0;
    };

public:
    explicit system_timer(asio::io_context& loop)
        : state_(std::make_shared<state>(loop)) {}

    ~system_timer() override { system_timer::cancel(); }

    void start(time_point when, std::function<void()> callback) override {
        cancel();
        if (when == never)
            return;
        state_->callback = std::move(callback);
        state_->alarm.expires_at(std::chrono::steady_clock::time_point(when.time_since_epoch()));
        state_->alarm.async_wait([weak = std::weak_ptr(state_), round = state_->round](const error_code&) {
            const auto alive = weak.lock();
            if (!alive || alive->round != round)
                return;
            ++alive->round;
            const auto call = std::exchange(alive->callback, nullptr);
            call(); // may start, cancel or destroy the timer
        });
    }

    void cancel() noexcept override {
        ++state_->round;
        if (!state_->callback)
            return;
        state_->callback = nullptr;
        state_->alarm.cancel();
    }

private:
    std::shared_ptr<state> state_;
};

} // namespace

system_environment::system_environment(asio::io_context& loop)
    : loop_(loop)
    , helper_(loop)
    , resolver_(loop)
    , files_(make_system_files()) {}

time_point system_environment::now() const {
    return time_point(duration(read_clock<duration>(CLOCK_MONOTONIC)));
}

wall_micros system_environment::wall_now() const {
    return read_clock<std::chrono::microseconds>(CLOCK_REALTIME);
}

std::unique_ptr<timer> system_environment::make_timer() {
    return std::make_unique<system_timer>(loop_);
}

void system_environment::random_bytes(std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t count = ::getrandom(out.data(), out.size(), 0);
        NET_ASSERT(count > 0 || errno == EINTR, "the kernel gives random bytes");
        if (count > 0)
            out = out.subspan(static_cast<std::size_t>(count));
    }
}

task<result<std::unique_ptr<stream>>> system_environment::dial(const endpoint& to, time_point deadline) {
    return system_dial(*this, resolver_, to, deadline);
}

result<std::unique_ptr<listener>> system_environment::listen(const endpoint& at) {
    return system_listen(*this, at);
}

result<std::vector<endpoint>> system_environment::addresses_of(const endpoint& at) {
    return system_addresses_of(at);
}

result<std::unique_ptr<listener>> system_environment::listen_for(const endpoint& path,
                                                                 const socket_access& who) {
    return system_listen(*this, path, who);
}

result<std::unique_ptr<stream>> system_environment::standard_input() {
    return open_standard_input(executor());
}

result<std::unique_ptr<stream>> system_environment::open_input(const std::filesystem::path& file) {
    return open_input_file(executor(), file);
}

void system_environment::notify_supervisor(std::string_view state) {
    notify_service_manager(state);
}

descriptor_supply system_environment::descriptors() {
    return raise_descriptor_limit();
}

std::string system_environment::boot_id() const {
    std::ifstream from("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(from, id);
    // Something else under that name (an empty file laid over it, zeros) is not one boot's own.
    const bool digits = id.find_first_not_of("0123456789abcdef-") == std::string::npos;
    const bool told = id.find_first_not_of("0-") != std::string::npos;
    return id.size() == 36 && digits && told ? id : std::string();
}

} // namespace net
