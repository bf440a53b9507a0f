#include "agent/state/slot_file_growth.hpp"

namespace agent {
namespace {

bool has_slots(net::file_system& files, const std::filesystem::path& path, std::size_t slots,
               std::size_t value_bytes_max) {
    if (path.empty() || !files.exists(path))
        return false;
    const auto file = files.open_to_read(path);
    if (!file)
        return false; // whoever opens it says why
    const auto size = (*file)->size();
    return size && *size == slot_file::bytes_of(slots, value_bytes_max);
}

// The highest first, so that the mark is raised once.
net::error_code copy_values(const slot_file& from, slot_file& to) {
    for (std::size_t slot = from.size(); slot-- > 0;) {
        if (from.damaged(slot))
            return net::make_error_code(net::error::corrupt);
        if (const auto value = from.read(slot))
            to.write(slot, *value);
    }
    return to.sync();
}

} // namespace

net::error_code grow_slot_file(net::environment& env, const std::filesystem::path& path,
                               std::size_t from_slots, std::size_t to_slots, std::size_t value_bytes_max) {
    auto& files = env.files();
    if (!has_slots(files, path, from_slots, value_bytes_max))
        return {};
    auto beside = path;
    beside += ".new";
    if (files.exists(beside))
        if (const auto failed = files.remove(beside))
            return failed;
    const auto old = slot_file::open(env, path, from_slots, value_bytes_max);
    if (!old)
        return old.error();
    const auto larger = slot_file::open(env, beside, to_slots, value_bytes_max);
    if (!larger)
        return larger.error();
    if (const auto failed = copy_values(**old, **larger))
        return failed;
    if (const auto failed = files.rename(beside, path))
        return failed;
    return files.sync_directory(path.parent_path());
}

} // namespace agent
