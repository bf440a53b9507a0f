#include "tests/sim/shortages.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <cerrno>

namespace sim {
namespace {

constexpr unsigned even = 500; // per mille

bool needs_descriptor(call what) {
    using enum call;
    return what != anonymous && what != rename && what != remove && what != create_directory;
}

bool needs_mapping(call what) {
    return what == call::create_mapped || what == call::open_mapped || what == call::anonymous;
}

// A replacement ends with a renaming.
bool renames(call what) {
    return what == call::rename || what == call::replace;
}

bool changes_directory(call what) {
    using enum call;
    return what == create_mapped || what == open_new || what == rename || what == remove || what == replace ||
           what == create_directory;
}

bool lies_in(const std::filesystem::path& dir, const std::filesystem::path& file) {
    return std::mismatch(dir.begin(), dir.end(), file.begin(), file.end()).first == dir.end();
}

} // namespace

bool shortages::is_one(fault which) {
    using enum fault;
    return which == descriptors_scarce || which == mappings_scarce || which == allocation_fails ||
           which == rename_refused || which == unlink_refused || which == directory_read_only;
}

void shortages::begin(fault which, unsigned per_mille) {
    NET_ASSERT(is_one(which), "only a shortage is one");
    spells_.push_back({which, per_mille});
}

void shortages::end(fault which) {
    std::erase_if(spells_, [which](const spell& each) { return each.which == which; });
}

bool shortages::lacks(fault which) const {
    return std::any_of(spells_.begin(), spells_.end(),
                       [which](const spell& each) { return each.which == which; });
}

std::optional<net::error_code> shortages::refuses(call what, const path& on) {
    for (auto& each : spells_) {
        if (!concerns(each.which, what, on) || !source_.chance(each.per_mille))
            continue;
        if (!each.fired) {
            each.fired = true;
            counted_.fired(each.which);
            if (on_first)
                on_first(each.which);
        }
        return error_of(each.which);
    }
    return std::nullopt;
}

bool shortages::concerns(fault which, call what, const path& on) const {
    switch (which) {
    case fault::descriptors_scarce:
        return needs_descriptor(what);
    case fault::mappings_scarce:
        return needs_mapping(what);
    case fault::allocation_fails:
        return what == call::create_mapped;
    case fault::rename_refused:
        return renames(what);
    case fault::unlink_refused:
        return what == call::remove;
    case fault::directory_read_only:
        return changes_directory(what) && lies_in(unchangeable_, on);
    default:
        return false;
    }
}

net::error_code shortages::error_of(fault which) {
    const auto kernels = [](int number) { return net::error_code(number, boost::system::system_category()); };
    switch (which) {
    case fault::descriptors_scarce:
        return kernels(source_.chance(even) ? EMFILE : ENFILE);
    case fault::mappings_scarce:
        return kernels(ENOMEM);
    case fault::allocation_fails:
        return kernels(source_.chance(even) ? EIO : ENOMEM);
    case fault::unlink_refused:
        return kernels(source_.chance(even) ? EACCES : EBUSY);
    case fault::directory_read_only:
        return kernels(EROFS);
    default:
        return kernels(EACCES);
    }
}

} // namespace sim
