#include "agent/state/directory.hpp"

#include "agent/state/format.hpp"
#include "net/task/file_locking.hpp"

#include <spdlog/spdlog.h>

#include <unistd.h>

namespace agent {
namespace {

constexpr std::string_view lock_name = "lock";
constexpr std::uint64_t lock_bytes_max = 4096;

std::string our_lock_text() {
    return "pid " + std::to_string(::getpid());
}

state_dir_error unusable(const std::filesystem::path& what, std::string_view part,
                         const net::error_code& why) {
    std::string advice;
    if (why == boost::system::errc::no_space_on_device)
        advice = "; free some space, or choose another --state-dir";
    else if (why == boost::system::errc::permission_denied ||
             why == boost::system::errc::read_only_file_system)
        advice = "; make it writable for this user, or choose another --state-dir";
    else if (why == net::error::corrupt)
        advice =
            "; move it aside to start afresh (what it still holds is not delivered then), or choose another "
            "--state-dir";
    return {"cannot use the state directory: " + std::string(part) + " " + what.string() + ": " +
            why.message() + advice};
}

} // namespace

// Taken and let go: who opens the directory takes it again, at once.
net::task<> wait_for_state_dir(net::environment& env, const std::filesystem::path& dir,
                               std::function<bool()> enough) {
    if (dir.empty())
        co_return;
    std::string holder;
    net::patient_lock wanted{dir / lock_name, our_lock_text(), std::move(enough), {}};
    wanted.waiting = [&dir](const std::string& by) {
        spdlog::info(
            "the state directory {} is locked by another agent ({}): waiting a moment, in case that is "
            "about to be gone",
            dir.string(), by);
    };
    const auto lock = co_await net::lock_patiently(env, std::move(wanted), holder);
}

std::variant<std::unique_ptr<state_dir>, state_dir_error> open_state_dir(net::environment& env,
                                                                         const config& from) {
    auto state = std::make_unique<state_dir>();
    const auto& dir = from.state_dir;
    if (!dir.empty()) {
        if (const net::error_code failed = env.files().create_directories(dir, 0700))
            return unusable(dir, "the directory", failed);
        std::string holder;
        auto lock = env.files().lock(dir / lock_name, our_lock_text(), holder);
        if (!lock && lock.error() == net::error::locked)
            return state_dir_error{"the state directory " + dir.string() + " is locked by another agent (" +
                                   holder + "); stop that one, or give this one its own --state-dir"};
        if (!lock)
            return unusable(dir / lock_name, "the lock", lock.error());
        state->lock = std::move(*lock);
        if (auto refused = claim_state_format(env, dir))
            return state_dir_error{std::move(*refused)};
    }
    auto ceiling = seq_ceiling::open(env, dir);
    if (!ceiling)
        return unusable(dir / "seq-ceiling", "the seq ceiling", ceiling.error());
    state->ceiling = std::move(*ceiling);

    ring_options options{dir.empty() ? dir : dir / "ring", from.ring_capacity, from.live_history};
    auto journal = ring::open(env, options, state->ceiling->stored(), state->recovery);
    if (!journal)
        return unusable(options.dir, "the ring", journal.error());
    state->journal = std::move(*journal);
    for (const auto& message : state->recovery.messages)
        spdlog::warn("ring: {}", message);
    if (const net::error_code failed = state->ceiling->reserve_behind(state->journal->last_seq()))
        return unusable(dir / "seq-ceiling", "the seq ceiling", failed);
    state->journal->allow_seqs(state->ceiling->stored());

    auto sessions = session_table::open(env, dir);
    if (!sessions)
        return unusable(dir / "sessions", "the session table", sessions.error());
    state->sessions = std::move(*sessions);
    auto deliveries = delivery_table::open(env, dir);
    if (!deliveries)
        return unusable(dir / "streams", "the delivery state", deliveries.error());
    state->deliveries = std::move(*deliveries);
    if (!state->deliveries->damaged().empty())
        return state_dir_error{
            "the delivery state " + (dir / "streams").string() + " is damaged (" +
            state->deliveries->damaged().front() +
            "); move the state directory aside to start afresh, or choose another --state-dir"};
    return state;
}

bool state_dir_lost(net::environment& env, const std::filesystem::path& dir) {
    if (dir.empty())
        return false;
    const auto holder = env.files().read_all(dir / lock_name, lock_bytes_max);
    if (holder)
        return *holder != our_lock_text();
    return holder.error() == boost::system::errc::no_such_file_or_directory ||
           holder.error() == boost::system::errc::not_a_directory;
}

} // namespace agent
