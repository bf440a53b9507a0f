// The ring against a model that knows nothing of segments: whatever happens, in whatever order, what was
// published and not rightly dropped is read back byte for byte in seq order, every hole is a gap with the
// right reason, no seq comes twice, and what is held stays.
#include "tests/unit/agent/support/properties.hpp"
#include "tests/unit/agent/support/ring_life.hpp"

namespace agent::test {
namespace {

void must_hold(int unit_cases, const std::vector<std::pair<std::size_t, act>>& weighted) {
    check_property(unit_cases, [&] {
        const auto one = *any_case(weighted);
        ring_life life(one);
        for (const auto& each : one.steps)
            life.perform(each);
        life.check_all();
    });
}

TEST(ring_properties, one_life) {
    must_hold(60, {{8, act::publish},
                   {2, act::hold},
                   {3, act::change_hold},
                   {2, act::acknowledge},
                   {1, act::disk},
                   {3, act::read},
                   {1, act::check}});
}

TEST(ring_properties, stopped_and_killed_at_any_call) {
    must_hold(60, {{8, act::publish},
                   {1, act::hold},
                   {1, act::change_hold},
                   {2, act::acknowledge},
                   {1, act::disk},
                   {1, act::read},
                   {1, act::kill},
                   {3, act::kill_publish},
                   {1, act::stop}});
}

TEST(ring_properties, machines_that_die) {
    must_hold(60, {{8, act::publish},
                   {1, act::hold},
                   {1, act::change_hold},
                   {2, act::acknowledge},
                   {1, act::read},
                   {1, act::write_back},
                   {1, act::kill_publish},
                   {1, act::stop},
                   {2, act::crash}});
}

} // namespace
} // namespace agent::test
