#include "tests/sim/process_files.hpp"

#include "tests/sim/process_handles.hpp"

#include <cerrno>
#include <utility>

namespace sim {
namespace {

constexpr std::uint64_t holder_text_max = 256;

net::result<file_ptr> find_or_create(disk& on, const disk::path& file) {
    auto found = on.find(file);
    if (!found && found.error() == kernel_error(ENOENT))
        return on.create(file, 0); // says the same again where the directory is missing
    return found;
}

} // namespace

process_files::process_files(std::shared_ptr<disk> on)
    : process_(std::make_shared<file_holder>()) {
    process_->on = std::move(on);
    ++process_->on->processes;
}

process_files::~process_files() {
    kill();
}

void process_files::kill() {
    process_->kill(file_holder::frames::may_run);
}

void process_files::freeze() {
    process_->kill(file_holder::frames::never_run_again);
}

net::error_code process_files::create_directories(const path& dir, unsigned) {
    return process_->alive ? process_->on->create_directories(dir) : dead();
}

net::result<std::vector<net::file_entry>> process_files::list(const path& dir) {
    if (!process_->alive)
        return dead();
    return process_->on->list(dir);
}

bool process_files::exists(const path& file) {
    return process_->alive && process_->on->exists(file);
}

net::error_code process_files::remove(const path& file) {
    return process_->alive ? process_->on->remove(file) : dead();
}

net::error_code process_files::rename(const path& from, const path& to) {
    return process_->alive ? process_->on->rename(from, to) : dead();
}

net::error_code process_files::sync_directory(const path& dir) {
    return process_->alive ? process_->on->sync_directory(dir) : dead();
}

net::result<std::string> process_files::read_all(const path& file, std::uint64_t limit_bytes) {
    if (!process_->alive)
        return dead();
    const auto found = process_->on->find(file);
    if (!found)
        return found.error();
    if ((*found)->size() > limit_bytes)
        return net::error::limit_exceeded;
    return (*found)->text();
}

net::error_code process_files::replace(const path& file, std::string_view content, unsigned) {
    return process_->alive ? process_->on->replace(file, content) : dead();
}

net::error_code process_files::replace_unsynced(const path& file, std::string_view content, unsigned) {
    return process_->alive ? process_->on->replace_unsynced(file, content) : dead();
}

net::result<std::unique_ptr<net::file>> process_files::open(const path& file, bool create) {
    if (!process_->alive)
        return dead();
    auto found = create ? find_or_create(*process_->on, file) : process_->on->find(file);
    if (!found)
        return found.error();
    return make_file(process_, *found, file);
}

net::result<std::unique_ptr<net::mapped_file>> process_files::create_mapped(const path& file,
                                                                            std::uint64_t size) {
    if (!process_->alive)
        return dead();
    if (size == 0)
        return process_->on->exists(file) ? kernel_error(EEXIST) : kernel_error(EINVAL);
    auto made = process_->on->create(file, size);
    if (!made)
        return made.error();
    return make_mapping(process_, *made, file);
}

net::result<std::unique_ptr<net::mapped_file>> process_files::open_mapped(const path& file) {
    if (!process_->alive)
        return dead();
    auto found = process_->on->find(file);
    if (!found)
        return found.error();
    if ((*found)->size() == 0)
        return kernel_error(EINVAL);
    return make_mapping(process_, *found, file);
}

net::result<std::unique_ptr<net::mapped_file>> process_files::anonymous(std::uint64_t size) {
    if (!process_->alive)
        return dead();
    if (size == 0)
        return kernel_error(EINVAL);
    return make_anonymous_memory(size);
}

net::result<std::unique_ptr<net::file_lock>> process_files::lock(const path& file, std::string_view ours,
                                                                 std::string& holder) {
    if (!process_->alive)
        return dead();
    auto& on = *process_->on;
    auto found = find_or_create(on, file);
    if (!found)
        return found.error();
    if ((*found)->lock_id != 0) {
        if ((*found)->size() <= holder_text_max)
            holder = (*found)->text();
        return net::error::locked;
    }
    if (const auto ec = on.truncate(**found, file, 0))
        return ec;
    if (const auto ec = on.append(**found, file, ours))
        return ec;
    return make_lock(process_, *found);
}

std::optional<std::string> process_files::fingerprint(const path& file) {
    if (!process_->alive)
        return std::nullopt;
    if (process_->on->is_directory(file))
        return "directory";
    const auto found = process_->on->find(file);
    return found ? std::optional((*found)->fingerprint()) : std::nullopt;
}

std::string process_files::file_system_type(const path& dir) {
    return process_->alive && process_->on->exists(dir) ? "ext4" : "";
}

} // namespace sim
