#include "s2/local/stream_state.hpp"
#include "tests/unit/s2/local/fixture.hpp"

#include <gmock/gmock.h>

namespace s2::local::test {
namespace {

stream_state fresh(stream_config config = {}) {
    return {stream_row{}, std::move(config)};
}

stream_state::accepted take(stream_state& state, append_input input, std::int64_t now = 1000) {
    return std::get<stream_state::accepted>(state.append(std::move(input), now));
}

stream_state::refused refuse(stream_state& state, append_input input, std::int64_t now = 1000) {
    return std::get<stream_state::refused>(state.append(std::move(input), now));
}

append_input stamped(std::vector<std::uint64_t> timestamps) {
    append_input input;
    for (auto timestamp : timestamps)
        input.records.push_back({timestamp, {}, "x"});
    return input;
}

std::vector<std::uint64_t> timestamps_of(const stream_state::accepted& batch) {
    std::vector<std::uint64_t> all;
    const auto decoded = decode_read_batch(batch.row.data).value();
    for (const auto& record : decoded.records)
        all.push_back(record.timestamp);
    return all;
}

TEST(stream_state, numbers_batches_and_counts_what_is_accepted) {
    auto state = fresh();
    const auto first = take(state, batch("a", "bc"));
    EXPECT_EQ(first.row.first_seq, 0u);
    EXPECT_EQ(first.row.records, 2u);
    EXPECT_EQ(first.row.metered, 8u + 1 + 8 + 2);
    EXPECT_EQ(first.end, (stream_position{2, 1000}));
    const auto second = take(state, batch("d"), 999); // the clock went back: timestamps do not
    EXPECT_EQ(second.row.first_seq, 2u);
    EXPECT_EQ(second.start, (stream_position{2, 1000}));
    EXPECT_EQ(state.tail(), (stream_position{3, 1000}));
    EXPECT_EQ(state.durable_tail(), (stream_position{0, 0}));
    state.committed(first);
    EXPECT_EQ(state.durable_tail(), (stream_position{2, 1000}));
    state.committed(second);
    EXPECT_TRUE(state.all_durable());
}

TEST(stream_state, match_seq_num_counts_batches_that_are_not_durable) {
    auto state = fresh();
    take(state, batch("a"));
    auto input = batch("b");
    input.match_seq_num = 0;
    const auto refused = refuse(state, input);
    EXPECT_EQ(refused.why.status, 412u);
    EXPECT_EQ(refused.why.body, R"({"seq_num_mismatch":1})");
    EXPECT_EQ(refused.rests_on, 1u);
    input.match_seq_num = 1;
    EXPECT_EQ(take(state, input).row.first_seq, 1u);
}

TEST(stream_state, a_match_ahead_of_the_tail_is_refused) {
    auto state = fresh();
    take(state, batch("a"));
    auto input = batch("b");
    input.match_seq_num = 2;
    EXPECT_EQ(refuse(state, input).why.body, R"({"seq_num_mismatch":1})");
    EXPECT_EQ(state.tail().seq_num, 1u);
}

TEST(stream_state, the_last_number_is_given_and_no_other) {
    stream_row row;
    row.tail = {seq_num_max - 2, 5};
    stream_state state(row, {});
    EXPECT_EQ(refuse(state, batch("a", "b", "c")).why.status, 422u);
    EXPECT_EQ(take(state, batch("a", "b")).end.seq_num, seq_num_max);
    EXPECT_EQ(refuse(state, batch("c")).why.status, 422u);
}

TEST(stream_state, the_token_is_looked_at_first) {
    auto state = fresh();
    auto input = batch("a");
    input.fencing_token = "mine";
    input.match_seq_num = 77;
    const auto refused = refuse(state, input);
    EXPECT_EQ(refused.why.body, R"({"fencing_token_mismatch":""})");
    EXPECT_EQ(refused.rests_on, 0u);
    input.fencing_token = "";
    input.match_seq_num = 0;
    take(state, input); // an empty token is a condition that holds on a fresh stream
}

TEST(stream_state, a_fence_holds_from_the_next_batch_on) {
    auto state = fresh();
    append_input fencing = command(fence_command("new"));
    fencing.records.push_back({std::nullopt, {}, "data"});
    fencing.fencing_token = "";
    const auto fenced = take(state, fencing);
    EXPECT_EQ(fenced.change.fencing_token, "new");
    auto input = batch("a");
    input.fencing_token = "";
    const auto refused = refuse(state, input);
    EXPECT_EQ(refused.why.body, R"({"fencing_token_mismatch":"new"})");
    EXPECT_EQ(refused.rests_on, 1u) << "the fence record, not the data behind it";
    input.fencing_token = "new";
    take(state, input);
    take(state, batch("without a token")); // cooperative
}

TEST(stream_state, trim_only_advances_and_stops_behind_itself) {
    auto state = fresh();
    take(state, batch("a", "b", "c"));
    EXPECT_EQ(take(state, command(trim_command(2))).change.trim_point, 2u);
    EXPECT_FALSE(take(state, command(trim_command(1))).change.trim_point);
    EXPECT_EQ(take(state, command(trim_command(1000))).change.trim_point, 6u); // its own seq_num is 5
}

TEST(stream_state, reset_takes_back_everything_that_is_not_durable) {
    auto state = fresh();
    const auto kept = take(state, command(fence_command("kept")));
    take(state, command(fence_command("lost")));
    take(state, command(trim_command(1)));
    state.committed(kept);
    state.reset();
    EXPECT_EQ(state.tail().seq_num, 1u);
    EXPECT_EQ(state.fencing_token(), "kept");
    auto input = batch("a");
    input.fencing_token = "other";
    EXPECT_EQ(refuse(state, input).rests_on, 0u) << "what is left is durable";
    EXPECT_EQ(take(state, command(trim_command(1))).change.trim_point, 1u);
}

TEST(stream_state, reset_keeps_what_a_trim_has_committed) {
    auto state = fresh();
    const auto kept = take(state, batch("a", "b"));
    const auto trimmed = take(state, command(trim_command(2)));
    state.committed(kept);
    state.committed(trimmed);
    EXPECT_EQ(state.durable_trim_point(), 2u);
    state.reset();
    EXPECT_FALSE(take(state, command(trim_command(2))).change.trim_point) << "it is trimmed to there already";
}

TEST(stream_state, timestamps_follow_the_mode) {
    stream_config config;
    auto prefer = fresh(config);
    EXPECT_THAT(timestamps_of(take(prefer, stamped({10, 5, 2000}), 1000)),
                testing::ElementsAre(10, 10, 1000));
    config.uncapped = true;
    auto uncapped = fresh(config);
    EXPECT_THAT(timestamps_of(take(uncapped, stamped({5000, ~0ull}), 1000)),
                testing::ElementsAre(5000, ~0ull));
    EXPECT_THAT(timestamps_of(take(uncapped, stamped({1}), 1000)), testing::ElementsAre(~0ull));
    config.uncapped = false;
    config.mode = timestamping_mode::arrival;
    auto arrival = fresh(config);
    EXPECT_THAT(timestamps_of(take(arrival, stamped({10}), 1000)), testing::ElementsAre(1000));
    config.mode = timestamping_mode::client_require;
    auto require = fresh(config);
    auto missing = stamped({10});
    missing.records.push_back({std::nullopt, {}, "no timestamp"});
    EXPECT_EQ(refuse(require, missing).why.status, 422u);
    EXPECT_EQ(require.tail().seq_num, 0u) << "a refused batch changes nothing";
}

} // namespace
} // namespace s2::local::test
