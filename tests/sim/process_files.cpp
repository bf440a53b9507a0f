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

// Why a call can't even begin; no error: it may.
net::error_code hindrance(const file_holder& process, call what, const disk::path& on) {
    if (!process.alive)
        return dead();
    auto& lacking = process.on->lacking;
    return lacking && process.meets_shortages ? lacking->refuses(what, on).value_or(net::error_code())
                                              : net::error_code();
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

void process_files::meet_shortages() {
    process_->meets_shortages = true;
}

void process_files::kill() {
    process_->kill(file_holder::frames::may_run);
}

void process_files::freeze() {
    process_->kill(file_holder::frames::never_run_again);
}

net::error_code process_files::create_directories(const path& dir, unsigned) {
    const auto ec = hindrance(*process_, call::create_directory, dir);
    return ec ? ec : process_->on->create_directories(dir);
}

net::result<std::vector<net::file_entry>> process_files::list(const path& dir) {
    if (const auto ec = hindrance(*process_, call::list, dir))
        return ec;
    return process_->on->list(dir);
}

bool process_files::exists(const path& file) {
    return process_->alive && process_->on->exists(file);
}

net::error_code process_files::remove(const path& file) {
    const auto ec = hindrance(*process_, call::remove, file);
    return ec ? ec : process_->on->remove(file);
}

net::error_code process_files::rename(const path& from, const path& to) {
    const auto ec = hindrance(*process_, call::rename, from);
    return ec ? ec : process_->on->rename(from, to);
}

net::error_code process_files::sync_directory(const path& dir) {
    const auto ec = hindrance(*process_, call::sync_directory, dir);
    return ec ? ec : process_->on->sync_directory(dir);
}

net::result<std::string> process_files::read_all(const path& file, std::uint64_t limit_bytes) {
    if (const auto ec = hindrance(*process_, call::read, file))
        return ec;
    const auto found = process_->on->find(file);
    if (!found)
        return found.error();
    if ((*found)->size() > limit_bytes)
        return net::error::limit_exceeded;
    return (*found)->text();
}

net::error_code process_files::replace(const path& file, std::string_view content, unsigned) {
    const auto ec = hindrance(*process_, call::replace, file);
    return ec ? ec : process_->on->replace(file, content);
}

net::error_code process_files::replace_unsynced(const path& file, std::string_view content, unsigned) {
    const auto ec = hindrance(*process_, call::replace, file);
    return ec ? ec : process_->on->replace_unsynced(file, content);
}

net::result<std::unique_ptr<net::file>> process_files::open(const path& file, bool create) {
    if (const auto ec = hindrance(*process_, create ? call::open_new : call::open, file))
        return ec;
    auto found = create ? find_or_create(*process_->on, file) : process_->on->find(file);
    if (!found)
        return found.error();
    return make_file(process_, *found, file);
}

net::result<std::unique_ptr<net::mapped_file>> process_files::create_mapped(const path& file,
                                                                            std::uint64_t size) {
    if (const auto ec = hindrance(*process_, call::create_mapped, file))
        return ec;
    if (size == 0)
        return process_->on->exists(file) ? kernel_error(EEXIST) : kernel_error(EINVAL);
    auto made = process_->on->create(file, size);
    if (!made)
        return made.error();
    return make_mapping(process_, *made, file);
}

net::result<std::unique_ptr<net::mapped_file>> process_files::open_mapped(const path& file) {
    if (const auto ec = hindrance(*process_, call::open_mapped, file))
        return ec;
    auto found = process_->on->find(file);
    if (!found)
        return found.error();
    if ((*found)->size() == 0)
        return kernel_error(EINVAL);
    return make_mapping(process_, *found, file);
}

net::result<std::unique_ptr<net::mapped_file>> process_files::anonymous(std::uint64_t size) {
    if (const auto ec = hindrance(*process_, call::anonymous, {}))
        return ec;
    if (size == 0)
        return kernel_error(EINVAL);
    return make_anonymous_memory(size);
}

net::result<std::unique_ptr<net::file_lock>> process_files::lock(const path& file, std::string_view ours,
                                                                 std::string& holder) {
    if (const auto ec = hindrance(*process_, call::open_new, file))
        return ec;
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
    if (hides_fingerprint && hides_fingerprint())
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
