#include "agent/service/descriptors.hpp"
#include "net/server/listening.hpp"

#include <gmock/gmock.h>

namespace agent::test {
namespace {

using net::descriptor_supply;

descriptor_needs whole_agent() {
    descriptor_needs needs;
    needs.state_dir = true;
    needs.s2 = true;
    needs.listeners = 3;
    needs.connections_wanted = 768;
    return needs;
}

TEST(descriptors, what_connections_get_is_what_nothing_else_may_need) {
    for (std::size_t open : {3, 10, 200})
        for (std::size_t limit = 0; limit < 3000; ++limit) {
            const descriptor_supply supply{limit, open};
            const auto budget = budget_descriptors(supply, whole_agent());
            EXPECT_EQ(budget.enough(), limit >= budget.needed);
            if (!budget.enough()) {
                EXPECT_EQ(budget.connections, 0u);
                continue;
            }
            EXPECT_GE(budget.connections, 8u);
            EXPECT_LE(budget.connections, 768u);
            EXPECT_GE(budget.spare, 2u);
            EXPECT_LE(budget.spare, 16u);
            EXPECT_LE(budget.reserved + budget.connections, limit);
            EXPECT_GT(budget.reserved, open);
        }
}

TEST(descriptors, all_limits_stay_as_they_are_where_there_are_plenty) {
    const descriptor_supply plenty{1024 * 1024, 10};
    const auto budget = budget_descriptors(plenty, whole_agent());
    EXPECT_EQ(budget.connections, 768u);
    EXPECT_EQ(budget.spare, 16u);
}

TEST(descriptors, sixty_four_are_enough_for_an_agent) {
    const descriptor_supply few{64, 12};
    for (const bool embedded : {false, true}) {
        auto needs = whole_agent();
        needs.embedded_store = embedded;
        needs.s2 = !embedded;
        const auto budget = budget_descriptors(few, needs);
        EXPECT_TRUE(budget.enough()) << budget.needed;
    }
}

TEST(descriptors, each_need_raises_what_is_reserved_and_what_is_needed) {
    const descriptor_supply supply{1000, 10};
    const auto less = budget_descriptors(supply, {});
    EXPECT_EQ(less.connections, 0u);
    EXPECT_EQ(less.needed, less.reserved);
    const auto change = [](auto set) {
        descriptor_needs needs;
        set(needs);
        return needs;
    };
    for (const auto& needs :
         {change([](auto& of) { of.state_dir = true; }), change([](auto& of) { of.embedded_store = true; }),
          change([](auto& of) { of.s2 = true; }), change([](auto& of) { of.file_sink = true; }),
          change([](auto& of) { of.input = true; }), change([](auto& of) { of.listeners = 1; })}) {
        const auto more = budget_descriptors(supply, needs);
        EXPECT_GT(more.reserved, less.reserved);
        EXPECT_GT(more.needed, less.needed);
    }
}

TEST(descriptors, where_they_are_few_all_are_given_out) {
    for (std::size_t limit = 80; limit < 400; ++limit) {
        const auto budget = budget_descriptors({limit, 12}, whole_agent());
        ASSERT_TRUE(budget.enough());
        EXPECT_EQ(budget.reserved + budget.connections, limit);
    }
}

TEST(descriptors, what_is_set_aside_is_no_connections) {
    const auto without = budget_descriptors({200, 12}, whole_agent());
    auto needs = whole_agent();
    needs.set_aside = 12;
    const auto with = budget_descriptors({200, 12}, needs);
    EXPECT_EQ(with.needed, without.needed + 12);
    EXPECT_LT(with.connections, without.connections);
    EXPECT_EQ(with.reserved + with.connections, 200u);
}

TEST(descriptors, producers_of_lines_get_half_or_all) {
    auto needs = whole_agent();
    EXPECT_EQ(budget_descriptors({400, 12}, needs).ndjson_connections, 0u);
    needs.ndjson_wanted = 256;
    const auto shared = budget_descriptors({400, 12}, needs);
    EXPECT_EQ(shared.ndjson_connections, shared.connections / 2);
    needs.connections_wanted = needs.ndjson_wanted;
    const auto alone = budget_descriptors({200, 12}, needs);
    EXPECT_EQ(alone.ndjson_connections, alone.connections);
}

TEST(descriptors, a_name_may_have_several_addresses) {
    EXPECT_EQ(listeners_of(std::nullopt), 0u);
    EXPECT_EQ(listeners_of(net::endpoint::tcp("127.0.0.1", 1)), 1u);
    EXPECT_EQ(listeners_of(net::endpoint::tcp("::1", 1)), 1u);
    EXPECT_EQ(listeners_of(net::endpoint::tcp("localhost", 1)), net::listen_addresses_max);
    EXPECT_EQ(listeners_of(net::endpoint::tcp("fe80.example", 1)), net::listen_addresses_max);
}

TEST(descriptors, what_a_configuration_needs) {
    config plain;
    auto needs = needs_of(plain);
    EXPECT_TRUE(needs.embedded_store);
    EXPECT_FALSE(needs.s2 || needs.state_dir || needs.file_sink || needs.input);
    EXPECT_EQ(needs.listeners, 0u);
    EXPECT_EQ(needs.connections_wanted, 0u);
    config all;
    all.state_dir = "/state";
    all.s2.basin = "basin";
    all.files = "/files";
    all.input = "-";
    all.listen = net::endpoint::tcp("127.0.0.1", 1);
    all.unix_path = "/api";
    all.ndjson_unix_path = "/ndjson";
    needs = needs_of(all);
    EXPECT_TRUE(needs.s2 && needs.state_dir && needs.file_sink && needs.input);
    EXPECT_FALSE(needs.embedded_store);
    EXPECT_EQ(needs.listeners, 3u);
    EXPECT_EQ(needs.connections_wanted, 2u * 256);
    EXPECT_EQ(needs.ndjson_wanted, 256u);
}

TEST(descriptors, the_texts_give_the_numbers) {
    descriptor_budget budget;
    budget.limit = 64;
    budget.reserved = 41;
    budget.connections = 23;
    budget.needed = 50;
    budget.open = 9;
    EXPECT_EQ(text_of(budget), "file descriptors: limit 64, 41 reserved, 23 left for connections");
    budget.limit = 32;
    EXPECT_THAT(too_few_text(budget),
                testing::HasSubstr("needs a limit of at least 50, and it is 32 (9 are"));
    EXPECT_THAT(too_few_text(budget), testing::HasSubstr("LimitNOFILE=50"));
}

} // namespace
} // namespace agent::test
