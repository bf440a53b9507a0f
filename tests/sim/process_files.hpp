#pragma once
// One process's view of its machine's disk: net::file_system with the semantics of net/system_files.cpp.
//
// kill() is SIGKILL. The coroutine frames of the dead process are destroyed after it and may still store into
// their mappings and make calls: the stores go to memory that is no longer the file's, the calls return EIO
// and change nothing. The files keep what they held at the kill; locks are released.
//
// What it opened may outlive it and its disk. Two living processes may map one file and see each other's
// stores, but neither may be killed meanwhile.

#include "tests/sim/disk.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sim {

struct file_holder;

class process_files final : public net::file_system {
public:
    explicit process_files(std::shared_ptr<disk> on);
    ~process_files() override; // the process is gone: kill()
    process_files(const process_files&) = delete;
    process_files& operator=(const process_files&) = delete;

    // From now on what its machine lacks is lacking here.
    void meet_shortages();
    // Asked at each call of fingerprint(): whether the file system can't tell.
    std::function<bool()> hides_fingerprint;

    void kill();
    // The same for a process whose frames are never run or destroyed: nothing needs to be copied.
    void freeze();

    net::error_code create_directories(const path& dir, unsigned mode) override; // modes are not kept
    net::result<std::vector<net::file_entry>> list(const path& dir) override;
    bool exists(const path& file) override;
    net::error_code remove(const path& file) override;
    net::error_code rename(const path& from, const path& to) override; // files only
    net::error_code sync_directory(const path& dir) override;
    net::result<std::string> read_all(const path& file, std::uint64_t limit_bytes) override;
    net::error_code replace(const path& file, std::string_view content, unsigned mode) override;
    net::error_code replace_unsynced(const path& file, std::string_view content, unsigned mode) override;
    net::result<std::unique_ptr<net::file>> open(const path& file, bool create) override;
    net::result<std::unique_ptr<net::mapped_file>> create_mapped(const path& file,
                                                                 std::uint64_t size) override;
    net::result<std::unique_ptr<net::mapped_file>> open_mapped(const path& file) override;
    net::result<std::unique_ptr<net::mapped_file>> anonymous(std::uint64_t size) override;
    net::result<std::unique_ptr<net::file_lock>> lock(const path& file, std::string_view ours,
                                                      std::string& holder) override;
    std::optional<std::string> fingerprint(const path& file) override;
    std::string file_system_type(const path& dir) override;

private:
    std::shared_ptr<file_holder> process_; // shared with what it opened
};

} // namespace sim
