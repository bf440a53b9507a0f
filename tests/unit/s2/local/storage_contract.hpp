#pragma once
// What every storage must do, whatever it keeps its rows in: a suite to be instantiated with a type that has
// open(), which gives the same content again each time, once the storage given before is gone.

#include "s2/local/storage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace s2::local::test {

template <class Kind>
class storage_contract : public testing::Test {
protected:
    Kind kind;
    std::unique_ptr<storage> on = kind.open();

    std::int64_t add_stream(std::string name) {
        stream_row row;
        row.basin = "test-basin";
        row.name = std::move(name);
        row.config = "{}";
        return on->put_stream(row).value();
    }

    static batch_row row(std::int64_t stream, std::uint64_t first, std::uint32_t records,
                         std::uint64_t timestamp) {
        batch_row row;
        row.stream = stream;
        row.first_seq = first;
        row.records = records;
        row.metered = records * 10;
        row.last_timestamp = timestamp;
        row.written_at_ms = static_cast<std::int64_t>(first);
        row.data = "data of " + std::to_string(first);
        return row;
    }

    stored<void> commit(std::vector<batch_row> rows, std::vector<stream_change> changes = {}) {
        std::vector<const batch_row*> pointers;
        for (const auto& each : rows)
            pointers.push_back(&each);
        return on->commit(pointers, changes);
    }

    std::vector<std::uint64_t> firsts(std::int64_t stream, std::uint64_t from, std::uint64_t below,
                                      page_limits limits = {}) {
        std::vector<std::uint64_t> all;
        for (const auto& each : on->read(stream, from, below, limits).value())
            all.push_back(each.first_seq);
        return all;
    }

    void reopen() {
        on.reset();
        on = kind.open();
    }
};

TYPED_TEST_SUITE_P(storage_contract);

TYPED_TEST_P(storage_contract, keeps_what_was_committed_over_a_reopen) {
    const auto stream = this->add_stream("s");
    ASSERT_TRUE(
        this->commit({this->row(stream, 0, 2, 5), this->row(stream, 2, 3, 9)}, {{stream, "token", 1}}));
    this->reopen();
    const auto found = this->on->find_stream("test-basin", "s").value();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->tail, (stream_position{5, 9}));
    EXPECT_EQ(found->fencing_token, "token");
    EXPECT_EQ(found->trim_point, 1u);
    EXPECT_EQ(this->on->read(stream, 3, 5, {}).value().at(0).data, "data of 2");
}

TYPED_TEST_P(storage_contract, a_page_begins_with_the_row_that_holds_the_position) {
    const auto stream = this->add_stream("s");
    ASSERT_TRUE(
        this->commit({this->row(stream, 0, 2, 1), this->row(stream, 2, 2, 2), this->row(stream, 4, 2, 3)}));
    EXPECT_THAT(this->firsts(stream, 0, 6), testing::ElementsAre(0, 2, 4));
    EXPECT_THAT(this->firsts(stream, 3, 6), testing::ElementsAre(2, 4));
    EXPECT_THAT(this->firsts(stream, 3, 4), testing::ElementsAre(2));
    EXPECT_THAT(this->firsts(stream, 6, 9), testing::ElementsAre());
    EXPECT_THAT(this->firsts(stream, 0, 6, {3, 1000}), testing::ElementsAre(0));
    EXPECT_THAT(this->firsts(stream, 0, 6, {1, 1}), testing::ElementsAre(0)) << "at least one";
}

TYPED_TEST_P(storage_contract, finds_the_first_row_at_a_timestamp) {
    const auto stream = this->add_stream("s");
    const auto other = this->add_stream("t");
    std::vector<batch_row> rows;
    for (std::uint64_t i = 0; i < 200; ++i)
        rows.push_back(this->row(stream, i * 3, 3, 100 + i / 4 * 10)); // plateaus of four rows
    rows.push_back(this->row(other, 0, 1, 7));
    rows.push_back(this->row(stream, 600, 1, ~0ull));
    ASSERT_TRUE(this->commit(rows));
    for (std::uint64_t wanted = 95; wanted < 610; ++wanted) {
        std::uint64_t expected = 600;
        for (const auto& each : rows)
            if (each.stream == stream && each.last_timestamp >= wanted) {
                expected = each.first_seq;
                break;
            }
        EXPECT_EQ(this->on->find_timestamp(stream, wanted).value()->first_seq, expected) << wanted;
    }
    EXPECT_FALSE(this->on->find_timestamp(other, 8).value());
    EXPECT_FALSE(this->on->find_timestamp(this->add_stream("empty"), 0).value());
}

TYPED_TEST_P(storage_contract, a_tail_survives_the_removal_of_all_rows) {
    const auto stream = this->add_stream("s");
    ASSERT_TRUE(
        this->commit({this->row(stream, 0, 2, 5), this->row(stream, 2, 3, 9), this->row(stream, 5, 1, 11)}));
    EXPECT_EQ(this->on->erase(stream, 4, 100).value(), 1u) << "the row that holds seq 4 stays";
    EXPECT_EQ(this->on->find_stream("test-basin", "s").value()->tail, (stream_position{6, 11}));
    EXPECT_EQ(this->on->erase(stream, ~0ull, 1).value(), 1u) << "no more than asked for at once";
    EXPECT_EQ(this->on->erase_written_before(stream, 5, 100).value(), 0u);
    EXPECT_EQ(this->on->erase_written_before(stream, 6, 100).value(), 1u);
    this->reopen();
    EXPECT_EQ(this->on->find_stream("test-basin", "s").value()->tail, (stream_position{6, 11}));
    EXPECT_EQ(this->on->find_stream("test-basin", "s").value()->written_at_ms, 5);
}

TYPED_TEST_P(storage_contract, a_failed_transaction_leaves_nothing) {
    const auto stream = this->add_stream("s");
    ASSERT_TRUE(this->commit({this->row(stream, 0, 1, 1)}));
    const auto failed =
        this->commit({this->row(stream, 1, 1, 2), this->row(stream, 0, 1, 3)}, {{stream, "token", {}}});
    ASSERT_FALSE(failed);
    EXPECT_THAT(this->firsts(stream, 0, 10), testing::ElementsAre(0));
    EXPECT_EQ(this->on->find_stream("test-basin", "s").value()->fencing_token, "");
    EXPECT_TRUE(this->commit({this->row(stream, 1, 1, 2)})) << "and the next one works";
}

TYPED_TEST_P(storage_contract, lists_in_byte_order_with_prefix_and_start) {
    for (const char* name : {"b", "a", "ab", "abc", "ac", "\xc3\xa4"})
        this->add_stream(name);
    const auto names = [this](list_query query) {
        std::vector<std::string> all;
        for (const auto& each : this->on->list_streams("test-basin", query).value())
            all.push_back(each.name);
        return all;
    };
    EXPECT_THAT(names({}), testing::ElementsAre("a", "ab", "abc", "ac", "b", "\xc3\xa4"));
    EXPECT_THAT(names({"ab", "", 1000}), testing::ElementsAre("ab", "abc"));
    EXPECT_THAT(names({"ab", "ab", 1000}), testing::ElementsAre("abc"));
    EXPECT_THAT(names({"b", "a", 1000}), testing::ElementsAre("b")) << "a start before the prefix";
    EXPECT_THAT(names({"", "a", 2}), testing::ElementsAre("ab", "abc"));
}

REGISTER_TYPED_TEST_SUITE_P(storage_contract, keeps_what_was_committed_over_a_reopen,
                            a_page_begins_with_the_row_that_holds_the_position,
                            finds_the_first_row_at_a_timestamp, a_tail_survives_the_removal_of_all_rows,
                            a_failed_transaction_leaves_nothing, lists_in_byte_order_with_prefix_and_start);

} // namespace s2::local::test
