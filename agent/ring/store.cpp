#include "agent/ring/store.hpp"

#include <boost/system/errc.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>

namespace agent {
namespace {

constexpr std::string_view aside_suffix = ".damaged";

} // namespace

bool is_disk_full(const net::error_code& ec) {
    return ec == boost::system::errc::no_space_on_device ||
           ec == net::error_code(EDQUOT, boost::system::generic_category()) ||
           ec == net::error_code(EDQUOT, boost::system::system_category());
}

segment_store::segment_store(net::environment& env, std::filesystem::path dir)
    : env_(env)
    , dir_(std::move(dir)) {}

std::filesystem::path segment_store::path_of(seq_t first_seq) const {
    return in_memory() ? std::filesystem::path{} : dir_ / segment_name(first_seq);
}

net::result<ring_spare> segment_store::make(seq_t first_seq, segment_rate rate) {
    const auto path = path_of(first_seq);
    auto created = path.empty() ? env_.files().anonymous(ring_segment_bytes)
                                : env_.files().create_mapped(path, ring_segment_bytes);
    if (!created)
        return created.error();
    disk_full_ = false;
    const bool dense = rate == segment_rate::dense;
    if (dense)
        (*created)->expect_dense_access();
    return ring_spare{path, std::move(*created), dense};
}

void segment_store::note_disk_full(std::string_view problem) {
    ++disk_full_count_;
    if (!std::exchange(disk_full_, true))
        spdlog::warn("ring: {}; from now on the oldest segment gives way to each new one", problem);
}

net::result<std::filesystem::path> segment_store::rename_to(const ring_segment& going, seq_t first_seq) {
    auto path = path_of(first_seq);
    if (going.anonymous())
        return path;
    if (const auto ec = env_.files().rename(going.path(), path))
        return ec;
    std::erase(unremoved_, path);
    return path;
}

net::error_code segment_store::set_aside(const ring_segment& segment) {
    auto& files = env_.files();
    auto aside = segment.path();
    aside += aside_suffix;
    if (const auto ec = files.rename(segment.path(), aside))
        return ec;
    spdlog::warn("ring: {} was damaged and is kept aside as {}", segment.path().filename().string(),
                 aside.filename().string());
    auto listed = list();
    if (!listed)
        return {};
    std::vector<std::string> kept;
    for (const auto& entry : *listed)
        if (entry.name.ends_with(aside_suffix))
            kept.push_back(entry.name);
    std::sort(kept.begin(), kept.end());
    for (std::size_t index = 0; index + ring_kept_aside_max < kept.size(); ++index)
        (void)files.remove(dir_ / kept[index]);
    return {};
}

void segment_store::remove(const std::filesystem::path& path) {
    const auto ec = env_.files().remove(path);
    if (ec && ec != boost::system::errc::no_such_file_or_directory)
        unremoved_.push_back(path);
}

void segment_store::retry_removals() {
    for (const auto& path : std::exchange(unremoved_, {}))
        remove(path);
}

} // namespace agent
