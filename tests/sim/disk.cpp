#include "tests/sim/disk.hpp"

#include "net/assert.hpp"

#include <map>
#include <utility>

namespace sim {
namespace {

std::string key_of(const disk::path& of) {
    std::string name = ("/" / of).lexically_normal().string();
    if (name.size() > 1 && name.back() == '/')
        name.pop_back();
    return name;
}

// Whatever lies in the directory begins with this.
std::string prefix_of(const std::string& dir) {
    return dir == "/" ? dir : dir + "/";
}

} // namespace

disk::disk() = default;
disk::~disk() = default;

std::shared_ptr<disk> disk::clone() const {
    auto copy = std::make_shared<disk>();
    std::map<std::uint64_t, file_ptr> copied; // a file may stand in all three
    const auto copy_of = [&](const file_ptr& file) -> file_ptr {
        if (!file)
            return nullptr;
        auto& fresh = copied[file->number()];
        if (!fresh)
            fresh = file->clone();
        return fresh;
    };
    copy->names_ = names_.copy(copy_of);
    copy->capacity_bytes = capacity_bytes;
    copy->last_number_ = last_number_;
    return copy;
}

void disk::discard() {
    for (const auto& [name, file] : names_.now())
        if (file)
            file->memory()->discard();
}

void disk::crash(draw& source) {
    NET_ASSERT(processes == 0, "no process lives through a crash of its machine");
    names_.crash(source);
    for (const auto& [name, file] : names_.now())
        if (file)
            file->crash(source);
    if (watcher)
        watcher->crashed();
}

void disk::crash_unwritten() {
    NET_ASSERT(processes == 0, "no process lives through a crash of its machine");
    names_.crash_unwritten();
    for (const auto& [name, file] : names_.now())
        if (file)
            file->crash_unwritten();
    if (watcher)
        watcher->crashed();
}

std::uint64_t disk::used_bytes() const {
    std::uint64_t sum = used_bytes("/");
    std::erase_if(unnamed_, [](const auto& each) {
        const auto file = each.lock();
        return !file || file->handles == 0;
    });
    for (const auto& each : unnamed_)
        sum += each.lock()->size();
    return sum;
}

std::uint64_t disk::used_bytes(const path& below) const {
    const std::string dir = key_of(below);
    const std::string prefix = prefix_of(dir);
    std::uint64_t sum = 0;
    for (const auto& [name, file] : names_.now())
        if (file && (name == dir || name.starts_with(prefix)))
            sum += file->size();
    return sum;
}

std::optional<std::string> disk::read(const path& file) const {
    const auto found = find(file);
    return found ? std::optional((*found)->text()) : std::nullopt;
}

std::vector<std::string> disk::files() const {
    std::vector<std::string> found;
    for (const auto& [name, file] : names_.now())
        if (file)
            found.push_back(name);
    return found;
}

net::result<file_ptr> disk::find(const path& file) const {
    const std::string name = key_of(file);
    const auto found = names_.now().find(name);
    if (found == names_.now().end()) {
        if (const auto ec = check_parent(name))
            return ec;
        return kernel_error(ENOENT);
    }
    if (!found->second)
        return kernel_error(EISDIR);
    return found->second;
}

net::result<file_ptr> disk::create(const path& file, std::uint64_t allocated_bytes) {
    const std::string name = key_of(file);
    if (const auto ec = failure(operation::create, file))
        return ec;
    if (const auto ec = check_parent(name))
        return ec;
    if (names_.now().contains(name))
        return kernel_error(EEXIST);
    if (!has_room(allocated_bytes)) {
        if (watcher)
            watcher->no_room_for(name);
        return kernel_error(ENOSPC);
    }
    if (watcher)
        watcher->about_to_create(name);
    auto made = std::make_shared<stored_file>(next_number(), allocated_bytes);
    names_.link(name, made);
    return made;
}

net::error_code disk::create_directories(const path& dir) {
    std::string sofar;
    for (const auto& part : path(key_of(dir))) {
        sofar = sofar.empty() ? part.string() : prefix_of(sofar) + part.string();
        const auto found = names_.now().find(sofar);
        if (found != names_.now().end()) {
            if (found->second)
                return kernel_error(ENOTDIR);
            continue;
        }
        if (const auto ec = failure(operation::create, sofar))
            return ec;
        names_.link(sofar, nullptr);
    }
    return {};
}

net::error_code disk::remove(const path& file) {
    if (const auto ec = failure(operation::remove, file))
        return ec;
    const auto found = find(file);
    if (!found)
        return found.error();
    const std::string name = key_of(file);
    if (watcher)
        watcher->about_to_remove(name);
    keep_if_held(name);
    names_.remove(name);
    return {};
}

net::error_code disk::rename(const path& from, const path& to) {
    if (const auto ec = failure(operation::rename, from))
        return ec;
    const auto found = find(from);
    if (!found)
        return found.error(); // of a directory too: nobody renames one
    const std::string name = key_of(to);
    if (const auto ec = check_parent(name))
        return ec;
    if (is_directory(to))
        return kernel_error(EISDIR);
    if (name == key_of(from))
        return {};
    if (watcher)
        watcher->about_to_rename(key_of(from), name);
    (*found)->touch();
    keep_if_held(name);
    names_.rename(key_of(from), name);
    return {};
}

net::error_code disk::replace(const path& file, std::string_view content) {
    const auto ec = write_over(file, content, true);
    return ec ? ec : sync_directory(parent_of(key_of(file)));
}

net::error_code disk::replace_unsynced(const path& file, std::string_view content) {
    return write_over(file, content, false);
}

// The file beside is written and renamed within one call, so that no process dies between.
net::error_code disk::write_over(const path& file, std::string_view content, bool synced) {
    const std::string name = key_of(file);
    if (const auto ec = failure(operation::replace, file))
        return ec;
    if (const auto ec = check_parent(name))
        return ec;
    if (is_directory(file))
        return kernel_error(EISDIR);
    if (!has_room(content.size()))
        return kernel_error(ENOSPC);
    auto fresh = std::make_shared<stored_file>(next_number(), 0);
    fresh->append(content);
    if (synced)
        fresh->sync();
    if (const auto beside = names_.now().find(name + ".new");
        beside != names_.now().end() && beside->second) {
        keep_if_held(beside->first);
        names_.remove(name + ".new"); // left there by somebody, it becomes the file beside
    }
    keep_if_held(name);
    names_.link(name, std::move(fresh));
    return {};
}

net::error_code disk::append(stored_file& to, const path& name, std::string_view bytes) {
    if (const auto ec = failure(operation::append, name))
        return ec;
    if (!has_room(bytes.size()))
        return kernel_error(ENOSPC);
    to.append(bytes);
    return {};
}

net::error_code disk::truncate(stored_file& which, const path& name, std::uint64_t size) {
    if (const auto ec = failure(operation::append, name))
        return ec;
    if (size > which.size() && !has_room(size - which.size()))
        return kernel_error(ENOSPC);
    which.truncate(size);
    return {};
}

net::error_code disk::sync(stored_file& which, const path& name) {
    if (const auto ec = failure(operation::sync, name))
        return ec;
    which.sync();
    return {};
}

net::error_code disk::failure(operation what, const path& where) const {
    return fails ? fails(what, where).value_or(net::error_code()) : net::error_code();
}

bool disk::has_room(std::uint64_t bytes) const {
    const std::uint64_t used = used_bytes();
    return bytes == 0 || (used <= capacity_bytes && bytes <= capacity_bytes - used);
}

bool disk::exists(const path& file) const {
    return names_.now().contains(key_of(file));
}

bool disk::is_directory(const path& dir) const {
    const auto found = names_.now().find(key_of(dir));
    return found != names_.now().end() && !found->second;
}

net::result<std::vector<net::file_entry>> disk::list(const path& dir) const {
    const std::string name = key_of(dir);
    if (!is_directory(dir))
        return kernel_error(exists(dir) ? ENOTDIR : ENOENT);
    const std::string prefix = prefix_of(name);
    std::vector<net::file_entry> found;
    for (auto each = names_.now().lower_bound(prefix);
         each != names_.now().end() && each->first.starts_with(prefix); ++each)
        if (each->second && each->first.find('/', prefix.size()) == std::string::npos)
            found.push_back({each->first.substr(prefix.size()), each->second->size()});
    return found;
}

net::error_code disk::check_parent(const std::string& name) const {
    for (std::string dir = parent_of(name);; dir = parent_of(dir)) {
        const auto found = names_.now().find(dir);
        if (found != names_.now().end() && found->second)
            return kernel_error(ENOTDIR);
        if (found != names_.now().end())
            return dir == parent_of(name) ? net::error_code() : kernel_error(ENOENT);
    }
}

void disk::keep_if_held(const std::string& name) {
    const auto found = names_.now().find(name);
    if (found != names_.now().end() && found->second && found->second->handles > 0)
        unnamed_.push_back(found->second);
}

net::error_code disk::sync_directory(const path& dir) {
    const std::string name = key_of(dir);
    if (!is_directory(dir))
        return kernel_error(exists(dir) ? ENOTDIR : ENOENT);
    if (const auto ec = failure(operation::sync, dir))
        return ec;
    names_.sync(name);
    return {};
}

} // namespace sim
