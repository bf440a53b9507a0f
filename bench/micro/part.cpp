#include "bench/micro/part.hpp"

#include <algorithm>

namespace bench {
namespace {

std::vector<part>& registry() {
    static std::vector<part> all;
    return all;
}

} // namespace

registered_part::registered_part(std::string_view name, round_function (*prepare)()) {
    registry().push_back({name, prepare});
}

std::vector<part> parts() {
    auto all = registry();
    std::ranges::sort(all, {}, &part::name);
    return all;
}

} // namespace bench
