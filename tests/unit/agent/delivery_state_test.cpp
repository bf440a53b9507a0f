#include "agent/delivery_state.hpp"
#include "agent/seq_ceiling.hpp"
#include "support/ring_kit.hpp"

namespace agent::test {
namespace {

const place there{"basin-one", "https://a", "https://{basin}.b"};

delivery_state sample(std::string stream) {
    delivery_state state;
    state.at = there;
    state.stream = std::move(stream);
    state.memory.tokens = {"t0", "t1"};
    state.memory.claimed = true;
    state.memory.durable = 18'000'000'000'000'000'000ull;
    state.from_seq = 3;
    state.durable_seq = 7;
    state.trusted_seq = 8;
    state.sent_seq = 9;
    state.own_records = {{8, 7, R"({"a":"\"\\ é"})"}, {9, 0, "x"}};
    return state;
}

std::unique_ptr<delivery_table> open(memory_world& env) {
    return std::move(*delivery_table::open(env, "/state"));
}

TEST(delivery_table_test, what_was_stored_is_there_after_the_process) {
    memory_world env;
    open(env)->add(sample("one"));
    const auto table = open(env);
    ASSERT_EQ(table->all().size(), 1u);
    const auto* found = table->find(there, "one");
    ASSERT_TRUE(found);
    const auto expected = sample("one");
    EXPECT_EQ(found->state.memory, expected.memory);
    EXPECT_EQ(found->state.from_seq, 3u);
    EXPECT_EQ(found->state.durable_seq, 7u);
    EXPECT_EQ(found->state.trusted_seq, 8u);
    EXPECT_EQ(found->state.sent_seq, 9u);
    ASSERT_EQ(found->state.own_records.size(), 2u);
    EXPECT_EQ(found->state.own_records[0].line, expected.own_records[0].line);
    EXPECT_EQ(found->state.own_records[0].covers_to, 7u);
    EXPECT_FALSE(found->state.lost);
}

TEST(delivery_table_test, a_first_claims_tail_and_a_verdict_are_kept) {
    memory_world env;
    auto state = sample("one");
    state.memory.claimed = false;
    state.memory.first_tail = 0;
    state.lost = true;
    state.lost_reason = "another writer has fenced it";
    state.continued_as = "one~0123abcd";
    open(env)->add(state);
    const auto table = open(env);
    const auto* found = table->find(there, "one");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->state.memory.first_tail, 0u) << "0 is a tail, not an absence";
    EXPECT_TRUE(found->state.lost);
    EXPECT_EQ(found->state.continued_as, "one~0123abcd");
}

TEST(delivery_table_test, one_name_at_two_places_is_two_streams) {
    memory_world env;
    const auto table = open(env);
    table->add(sample("one"));
    auto other = sample("one");
    other.at.basin = "basin-two";
    table->add(other);
    EXPECT_NE(table->find(there, "one"), table->find(other.at, "one"));
    EXPECT_EQ(table->find(there, "two"), nullptr);
}

TEST(delivery_table_test, is_bounded_and_takes_again_what_was_given_up) {
    memory_world env;
    const auto table = open(env);
    for (std::size_t i = 0; i < deliveries_max; ++i)
        ASSERT_TRUE(table->add(sample(std::to_string(i))));
    EXPECT_EQ(table->add(sample("one more")), nullptr);
    table->remove(*table->find(there, "17"));
    EXPECT_TRUE(table->add(sample("one more")));
    EXPECT_EQ(open(env)->all().size(), deliveries_max);
}

TEST(delivery_table_test, the_largest_state_fits_its_slot) {
    memory_world env;
    auto state = sample(std::string(s2::stream_name_bytes_max, 's'));
    state.memory.tokens.assign(s2::own_tokens_max, std::string(s2::fencing_token_bytes_max, 't'));
    state.own_records.assign(own_records_max, {1, 1, std::string(450, 'e')});
    EXPECT_TRUE(open(env)->add(state));
    EXPECT_TRUE(open(env)->find(there, state.stream));
}

TEST(seq_ceiling_test, is_reserved_ahead_and_survives) {
    memory_world env;
    {
        const auto ceiling = std::move(*seq_ceiling::open(env, "/state"));
        EXPECT_EQ(ceiling->stored(), 0u);
        EXPECT_FALSE(ceiling->reserve_behind(41));
        EXPECT_EQ(ceiling->stored(), 41 + seq_block);
    }
    const auto again = std::move(*seq_ceiling::open(env, "/state"));
    EXPECT_EQ(again->stored(), 41 + seq_block);
}

} // namespace
} // namespace agent::test
