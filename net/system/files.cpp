#include "net/system/files.hpp"

#include "net/system/descriptor.hpp"
#include "net/system/mapped_file.hpp"
#include "net/system/output.hpp"

#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <map>

namespace net {
namespace {

using path = std::filesystem::path;

class open_file final : public file {
public:
    explicit open_file(system_descriptor from)
        : file_(std::move(from)) {}

    result<std::uint64_t> size() override {
        struct stat status{};
        if (::fstat(file_.get(), &status) != 0)
            return kernel_error();
        return static_cast<std::uint64_t>(status.st_size);
    }

    result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
        for (;;) {
            const ssize_t count = ::pread(file_.get(), into.data(), into.size(), static_cast<off_t>(offset));
            if (count >= 0)
                return static_cast<std::size_t>(count);
            if (errno != EINTR)
                return kernel_error();
        }
    }

    error_code append(std::string_view bytes) override {
        const auto end = size();
        if (!end)
            return end.error();
        const error_code ec = write_all_at(file_.get(), bytes.data(), bytes.size(), *end);
        if (!ec)
            return ec;
        // What was written of it would run into the next append. If it can't be cut off, that is the graver
        // error.
        const error_code cut = truncate(*end);
        return cut ? cut : ec;
    }

    error_code truncate(std::uint64_t to) override {
        return ::ftruncate(file_.get(), static_cast<off_t>(to)) == 0 ? error_code() : kernel_error();
    }

    error_code sync() override { return ::fsync(file_.get()) == 0 ? error_code() : kernel_error(); }

private:
    system_descriptor file_;
};

class held_lock final : public file_lock {
public:
    explicit held_lock(system_descriptor on)
        : on_(std::move(on)) {}

private:
    system_descriptor on_; // closing it releases the lock
};

constexpr std::uint64_t holder_text_max = 256;

result<std::string> read_up_to(int from, std::uint64_t limit_bytes) {
    std::string all;
    for (;;) {
        const std::size_t before = all.size();
        const auto room =
            static_cast<std::size_t>(std::min<std::uint64_t>(64 * 1024, limit_bytes + 1 - before));
        all.resize(before + room);
        const ssize_t count = ::read(from, all.data() + before, room);
        if (count < 0 && errno != EINTR)
            return kernel_error();
        all.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        if (count == 0)
            return all;
        if (all.size() > limit_bytes)
            return error::limit_exceeded;
    }
}

class system_files final : public file_system {
public:
    error_code create_directories(const path& dir, unsigned mode) override {
        path sofar;
        for (const auto& part : dir) {
            sofar /= part;
            if (::mkdir(sofar.c_str(), mode) != 0 && errno != EEXIST) {
                // A parent on a read-only disk, or without our permission, may well be there.
                const error_code ec = kernel_error();
                std::error_code unknown;
                if (!std::filesystem::is_directory(sofar, unknown))
                    return ec;
            }
        }
        std::error_code unknown;
        if (!std::filesystem::is_directory(dir, unknown))
            return boost::system::errc::make_error_code(boost::system::errc::not_a_directory);
        return {};
    }

    result<std::vector<file_entry>> list(const path& dir) override {
        std::vector<file_entry> found;
        std::error_code ec;
        std::filesystem::directory_iterator entries(dir, ec);
        for (; !ec && entries != std::filesystem::directory_iterator(); entries.increment(ec)) {
            struct stat status{};
            if (::lstat(entries->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode))
                continue; // gone since, or not ours to read
            found.push_back(
                {entries->path().filename().string(), static_cast<std::uint64_t>(status.st_size)});
        }
        if (ec)
            return error_code(ec.value(), boost::system::system_category());
        std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
        return found;
    }

    bool exists(const path& file) override { return ::access(file.c_str(), F_OK) == 0; }

    error_code remove(const path& file) override {
        if (::unlink(file.c_str()) == 0 || (errno == EISDIR && ::rmdir(file.c_str()) == 0))
            return {};
        return kernel_error();
    }

    error_code rename(const path& from, const path& to) override {
        return ::rename(from.c_str(), to.c_str()) == 0 ? error_code() : kernel_error();
    }

    error_code sync_directory(const path& dir) override { return net::sync_directory(dir); }

    result<std::string> read_all(const path& file, std::uint64_t limit_bytes) override {
        const auto opened = open_descriptor(file, O_RDONLY);
        if (!opened)
            return opened.error();
        return read_up_to(opened->get(), limit_bytes);
    }

    error_code replace(const path& file, std::string_view content, unsigned mode) override {
        const error_code ec = write_over(file, content, mode, true);
        return ec ? ec : net::sync_directory(file.parent_path());
    }

    error_code replace_unsynced(const path& file, std::string_view content, unsigned mode) override {
        return write_over(file, content, mode, false);
    }

    error_code write_output(const path& file, std::string_view content, unsigned mode) override {
        struct stat status{};
        if (::lstat(file.c_str(), &status) != 0 || S_ISREG(status.st_mode))
            return replace(file, content, mode);
        // Without a reader a pipe is an error, not a wait; one that reads slowly is waited for.
        const auto opened = open_descriptor(file, O_WRONLY | O_TRUNC | O_NONBLOCK);
        return opened ? write_patiently(opened->get(), content, output_patience) : opened.error();
    }

    result<std::unique_ptr<file>> open(const path& name, bool create) override {
        auto opened = open_descriptor(name, O_RDWR | (create ? O_CREAT : 0));
        if (!opened)
            return opened.error();
        return std::unique_ptr<file>(std::make_unique<open_file>(std::move(*opened)));
    }

    result<std::unique_ptr<file>> open_to_read(const path& name) override {
        auto opened = open_descriptor(name, O_RDONLY);
        if (!opened)
            return opened.error();
        return std::unique_ptr<file>(std::make_unique<open_file>(std::move(*opened)));
    }

    result<std::unique_ptr<mapped_file>> create_mapped(const path& file, std::uint64_t size) override {
        return create_mapped_file(file, size);
    }

    result<std::unique_ptr<mapped_file>> open_mapped(const path& file) override {
        return open_mapped_file(file);
    }

    result<std::unique_ptr<mapped_file>> anonymous(std::uint64_t size) override {
        return map_anonymous(size);
    }

    result<std::unique_ptr<file_lock>> lock(const path& file, std::string_view ours,
                                            std::string& holder) override {
        auto opened = open_descriptor(file, O_RDWR | O_CREAT);
        if (!opened)
            return opened.error();
        if (::flock(opened->get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK)
                return kernel_error();
            if (auto text = read_up_to(opened->get(), holder_text_max))
                holder = std::move(*text);
            return error::locked;
        }
        if (::ftruncate(opened->get(), 0) != 0)
            return kernel_error();
        if (const error_code ec = write_all_at(opened->get(), ours.data(), ours.size(), 0))
            return ec;
        return std::unique_ptr<file_lock>(std::make_unique<held_lock>(std::move(*opened)));
    }

    std::optional<std::string> fingerprint(const path& file) override {
        struct stat status{};
        if (::stat(file.c_str(), &status) != 0)
            return std::nullopt;
        const auto text = [](auto value) { return std::to_string(value); };
        return text(status.st_dev) + ":" + text(status.st_ino) + ":" + text(status.st_size) + ":" +
               text(status.st_mtim.tv_sec) + "." + text(status.st_mtim.tv_nsec) + ":" +
               text(status.st_ctim.tv_sec) + "." + text(status.st_ctim.tv_nsec);
    }

    std::string file_system_type(const path& dir) override {
        static const std::map<long, std::string> names{
            {EXT4_SUPER_MAGIC, "ext4"},           {XFS_SUPER_MAGIC, "xfs"},     {TMPFS_MAGIC, "tmpfs"},
            {OVERLAYFS_SUPER_MAGIC, "overlayfs"}, {BTRFS_SUPER_MAGIC, "btrfs"}, {NFS_SUPER_MAGIC, "nfs"},
            {FUSE_SUPER_MAGIC, "fuse"},           {0xfe534d42, "smb2"},         {CIFS_SUPER_MAGIC, "cifs"},
            {F2FS_SUPER_MAGIC, "f2fs"},           {V9FS_MAGIC, "9p"},           {RAMFS_MAGIC, "ramfs"},
            {MSDOS_SUPER_MAGIC, "vfat"},          {0x2fc12fc1, "zfs"},          {CEPH_SUPER_MAGIC, "ceph"},
        };
        struct statfs status{};
        if (::statfs(dir.empty() ? "." : dir.c_str(), &status) != 0)
            return {};
        const auto found = names.find(static_cast<long>(status.f_type));
        return found == names.end() ? std::string() : found->second;
    }

private:
    // Written beside and renamed over.
    static error_code write_over(const path& file, std::string_view content, unsigned mode, bool synced) {
        path beside = file;
        beside += ".new";
        ::unlink(beside.c_str()); // left by a process that died in the middle, perhaps with another mode
        error_code ec;
        {
            const auto opened = open_descriptor(beside, O_WRONLY | O_CREAT | O_EXCL, mode);
            if (!opened)
                return opened.error();
            ec = write_all_at(opened->get(), content.data(), content.size(), 0);
            if (!ec && ::fchmod(opened->get(), mode) != 0) // whatever the umask is
                ec = kernel_error();
            if (!ec && synced && ::fsync(opened->get()) != 0)
                ec = kernel_error();
        }
        if (!ec)
            ec = ::rename(beside.c_str(), file.c_str()) == 0 ? error_code() : kernel_error();
        if (ec)
            ::unlink(beside.c_str());
        return ec;
    }
};

} // namespace

std::unique_ptr<file_system> make_system_files() {
    return std::make_unique<system_files>();
}

} // namespace net
