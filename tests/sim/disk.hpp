#pragma once
// A simulated machine's persistent storage: paths and files, shared by the processes that come one after the
// other. A process sees it through process_files; the simulated world and its checkers use the first half of
// the class, process_files the second.
//
// What lasts when the machine crashes:
//   bytes   what was synced; of the rest see stored_file
//   names   creations, renames and removals form one ordered journal, of which a random prefix survives.
//           sync_directory makes the journal last up to the newest change in that directory. Syncing a file
//           makes its bytes last, not its name (POSIX promises no more). Of more than
//           journaled_names::changes_max changes the oldest last by themselves.
//   locks   nothing; they end with their process
//
// Paths are taken as they are written, without links; a relative one starts at "/". There is no real clock,
// and nothing depends on addresses: two runs of one seed are the same.

#include "net/files.hpp"
#include "tests/sim/disk_watcher.hpp"
#include "tests/sim/draw.hpp"
#include "tests/sim/journaled_names.hpp"
#include "tests/sim/shortages.hpp"
#include "tests/sim/stored_file.hpp"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

enum class operation {
    sync,   // of a mapping, a file, a directory; also the last step of a replace: then its content stands
    create, // of a file or a directory, also by open and lock
    append, // and truncate
    replace,
    rename,
    remove,
};

// What the real kernel's calls return.
inline net::error_code kernel_error(int number) {
    return {number, boost::system::system_category()};
}

class disk {
public:
    using path = std::filesystem::path;
    static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

    disk();
    disk(disk&&) = delete;
    ~disk();

    // Everything on it, as it is now (journal and unsynced bytes too), without processes, locks, the hook, the
    // watcher and what its machine lacks.
    std::shared_ptr<disk> clone() const;

    // Loses power. Every process was killed before.
    void crash(draw& source);
    // The same, before the kernel wrote anything back by itself: what was synced is all that is left.
    void crash_unwritten();
    // The world ends: memory goes back to the kernel, also what a frozen process still refers to.
    void discard();

    // Asked before each of these. An error is what the call returns, and nothing else happens.
    std::function<std::optional<net::error_code>(operation, const path&)> fails;

    // What the processes of its machine lack; none: nothing.
    std::shared_ptr<shortages> lacking;
    std::shared_ptr<disk_watcher> watcher;

    // A change takes effect at the next call that needs room (ENOSPC); what is there stays.
    std::uint64_t capacity_bytes = no_limit;

    std::uint64_t used_bytes() const; // removed files that a process still holds included
    std::uint64_t used_bytes(const path& below) const;
    std::optional<std::string> read(const path& file) const; // as a process would see it
    std::vector<std::string> files() const;                  // every file's whole path, by name

    // For process_files: the calls of net::file_system, without the process that makes them.
    net::result<file_ptr> find(const path& file) const;
    net::result<file_ptr> create(const path& file, std::uint64_t allocated_bytes);
    net::error_code create_directories(const path& dir);
    net::error_code remove(const path& file);
    net::error_code rename(const path& from, const path& to);
    net::error_code replace(const path& file, std::string_view content);
    net::error_code replace_unsynced(const path& file, std::string_view content);
    net::error_code append(stored_file& to, const path& name, std::string_view bytes);
    net::error_code truncate(stored_file& which, const path& name, std::uint64_t size);
    net::error_code sync(stored_file& which, const path& name);
    net::error_code sync_directory(const path& dir);
    net::result<std::vector<net::file_entry>> list(const path& dir) const;
    bool exists(const path& file) const;
    bool is_directory(const path& dir) const;

    std::uint64_t next_number() { return ++last_number_; } // for whatever needs an identity

    unsigned processes = 0; // living ones

private:
    void keep_if_held(const std::string& name);
    net::error_code failure(operation what, const path& where) const;
    net::error_code check_parent(const std::string& name) const;
    bool has_room(std::uint64_t bytes) const;
    net::error_code write_over(const path& file, std::string_view content, bool synced);

    journaled_names names_;
    mutable std::vector<std::weak_ptr<stored_file>> unnamed_; // removed while held
    std::uint64_t last_number_ = 0;
};

} // namespace sim
