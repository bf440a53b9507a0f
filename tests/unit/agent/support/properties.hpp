#pragma once
// Properties under GoogleTest. Without RC_PARAMS the few cases of a unit run, always the same; with it
// (RC_PARAMS="max_success=2000 seed=7") as many and as different ones as asked for. A failure prints the
// shrunk case and what reproduces it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <rapidcheck.h>
#include <sstream>
#include <utility>

// Fails a property's case with the words of the condition. (RC_ASSERT evaluates both sides of || and &&.)
#define MUST_HOLD(condition)                                                                                 \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            RC_FAIL(#condition);                                                                             \
    } while (false)

namespace agent::test {

constexpr std::uint64_t unit_seed = 1;

template <class Testable>
void check_property(int unit_cases, Testable&& testable) {
    const auto* const info = testing::UnitTest::GetInstance()->current_test_info();
    rc::detail::TestMetadata metadata;
    metadata.id = std::string(info->test_suite_name()) + "/" + info->name();
    metadata.description = info->name();
    rc::detail::TestParams params;
    if (std::getenv("RC_PARAMS") != nullptr) {
        params = rc::detail::configuration().testParams;
    } else {
        params.maxSuccess = unit_cases;
        params.seed = unit_seed;
    }
    const auto result = rc::detail::checkTestable(std::forward<Testable>(testable), metadata, params);
    std::ostringstream text;
    rc::detail::printResultMessage(result, text);
    if (!result.template is<rc::detail::SuccessResult>())
        FAIL() << text.str();
}

} // namespace agent::test
