#pragma once
// Files as the agent uses them: mapped segments, small files replaced as a whole, logs appended to, one lock.
// All calls are synchronous; those that reach the disk (sync, replace) belong on the helper thread once the
// loop runs.

#include "net/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace net {

// A whole file mapped shared, or anonymous memory. Stores survive the process, not the machine before sync().
class mapped_file {
public:
    virtual ~mapped_file() = default; // unmaps
    virtual std::span<std::byte> bytes() noexcept = 0;
    virtual error_code sync() = 0;

    // Few of its pages are touched: none is read ahead around them. Only a hint.
    virtual void expect_sparse_access() noexcept {}

    // All of it is about to be written: large pages, where the kernel has them for files. Only a hint, for a
    // new file, before anything of it is touched.
    virtual void expect_dense_access() noexcept {}
};

// An open file for appending or for random access.
class file {
public:
    virtual ~file() = default;
    virtual result<std::uint64_t> size() = 0;
    virtual result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) = 0; // 0 at the end
    virtual error_code append(std::string_view bytes) = 0; // all or an error; a short write is cut off again
    virtual error_code truncate(std::uint64_t size) = 0;
    virtual error_code sync() = 0;
};

// Held until destroyed; also released by the kernel when the process dies.
class file_lock {
public:
    virtual ~file_lock() = default;
};

struct file_entry {
    std::string name; // without the directory
    std::uint64_t size;
};

class file_system {
public:
    using path = std::filesystem::path;
    virtual ~file_system() = default;

    virtual error_code create_directories(const path& dir, unsigned mode) = 0;
    virtual result<std::vector<file_entry>> list(const path& dir) = 0; // regular files, by name
    virtual bool exists(const path& file) = 0;
    virtual error_code remove(const path& file) = 0;                 // a file, or a directory that is empty
    virtual error_code rename(const path& from, const path& to) = 0; // replaces
    // Makes the creations, renames and removals in it last over a machine crash.
    virtual error_code sync_directory(const path& dir) = 0;

    virtual result<std::string> read_all(const path& file, std::uint64_t limit_bytes) = 0;
    // Written beside, synced, renamed over, directory synced.
    virtual error_code replace(const path& file, std::string_view content, unsigned mode) = 0;

    // The same without the syncs, for what the next start writes anew: a machine crash may leave the old
    // content, the new one, or less of it.
    virtual error_code replace_unsynced(const path& file, std::string_view content, unsigned mode) = 0;

    // As replace, for a file that the user names: what is there and no regular file (a device, a pipe, a
    // link) stays, and is written to.
    virtual error_code write_output(const path& file, std::string_view content, unsigned mode) {
        return replace(file, content, mode);
    }

    virtual result<std::unique_ptr<file>> open(const path& file, bool create) = 0;

    // For who may only read, and leaves the file as it is.
    virtual result<std::unique_ptr<file>> open_to_read(const path& file) { return open(file, false); }

    // A new file of this size, space allocated (ENOSPC here, not at a store); fails if it exists.
    virtual result<std::unique_ptr<mapped_file>> create_mapped(const path& file, std::uint64_t size) = 0;
    virtual result<std::unique_ptr<mapped_file>> open_mapped(const path& file) = 0; // its present size
    virtual result<std::unique_ptr<mapped_file>> anonymous(std::uint64_t size) = 0;

    // error::locked with the holder's text in `holder`; ours is stored on success.
    virtual result<std::unique_ptr<file_lock>> lock(const path& file, std::string_view ours,
                                                    std::string& holder) = 0;

    // Seconds-resolution is not enough to see a change: size, inode and nanoseconds, as one opaque text.
    virtual std::optional<std::string> fingerprint(const path& file) = 0;
    // "ext4", "tmpfs", …; empty where unknown.
    virtual std::string file_system_type(const path& dir) = 0;
};

} // namespace net
