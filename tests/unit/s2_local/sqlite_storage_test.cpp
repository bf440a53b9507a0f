#include "fixture.hpp"
#include "s2/local/sqlite_storage.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace s2::local::test {
namespace {

class sqlite_storage_test : public testing::Test {
protected:
    temporary_directory directory;
    std::filesystem::path file = directory / "store.db";
    std::unique_ptr<sqlite_storage> on = open_storage(file);

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
        on = open_storage(file);
    }
};

TEST_F(sqlite_storage_test, keeps_what_was_committed_over_a_reopen) {
    const auto stream = add_stream("s");
    ASSERT_TRUE(commit({row(stream, 0, 2, 5), row(stream, 2, 3, 9)}, {{stream, "token", 1}}));
    reopen();
    const auto found = on->find_stream("test-basin", "s").value();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->tail, (stream_position{5, 9}));
    EXPECT_EQ(found->fencing_token, "token");
    EXPECT_EQ(found->trim_point, 1u);
    EXPECT_EQ(on->read(stream, 3, 5, {}).value().at(0).data, "data of 2");
}

TEST_F(sqlite_storage_test, a_page_begins_with_the_row_that_holds_the_position) {
    const auto stream = add_stream("s");
    ASSERT_TRUE(commit({row(stream, 0, 2, 1), row(stream, 2, 2, 2), row(stream, 4, 2, 3)}));
    EXPECT_THAT(firsts(stream, 0, 6), testing::ElementsAre(0, 2, 4));
    EXPECT_THAT(firsts(stream, 3, 6), testing::ElementsAre(2, 4));
    EXPECT_THAT(firsts(stream, 3, 4), testing::ElementsAre(2));
    EXPECT_THAT(firsts(stream, 6, 9), testing::ElementsAre());
    EXPECT_THAT(firsts(stream, 0, 6, {3, 1000}), testing::ElementsAre(0));
    EXPECT_THAT(firsts(stream, 0, 6, {1, 1}), testing::ElementsAre(0)) << "at least one";
}

TEST_F(sqlite_storage_test, finds_a_timestamp_by_bisection) {
    const auto stream = add_stream("s");
    const auto other = add_stream("t");
    std::vector<batch_row> rows;
    for (std::uint64_t i = 0; i < 200; ++i)
        rows.push_back(row(stream, i * 3, 3, 100 + i / 4 * 10)); // plateaus of four rows
    rows.push_back(row(other, 0, 1, 7));
    rows.push_back(row(stream, 600, 1, ~0ull));
    ASSERT_TRUE(commit(rows));
    for (std::uint64_t wanted = 95; wanted < 610; ++wanted) {
        std::uint64_t expected = 600;
        for (const auto& each : rows)
            if (each.stream == stream && each.last_timestamp >= wanted) {
                expected = each.first_seq;
                break;
            }
        EXPECT_EQ(on->find_timestamp(stream, wanted).value()->first_seq, expected) << wanted;
    }
    EXPECT_FALSE(on->find_timestamp(other, 8).value());
    EXPECT_FALSE(on->find_timestamp(add_stream("empty"), 0).value());
}

TEST_F(sqlite_storage_test, a_tail_survives_the_removal_of_all_rows) {
    const auto stream = add_stream("s");
    ASSERT_TRUE(commit({row(stream, 0, 2, 5), row(stream, 2, 3, 9), row(stream, 5, 1, 11)}));
    EXPECT_EQ(on->erase(stream, 4, 100).value(), 1u) << "the row that holds seq 4 stays";
    EXPECT_EQ(on->find_stream("test-basin", "s").value()->tail, (stream_position{6, 11}));
    EXPECT_EQ(on->erase(stream, ~0ull, 1).value(), 1u) << "no more than asked for at once";
    EXPECT_EQ(on->erase_written_before(stream, 5, 100).value(), 0u);
    EXPECT_EQ(on->erase_written_before(stream, 6, 100).value(), 1u);
    reopen();
    EXPECT_EQ(on->find_stream("test-basin", "s").value()->tail, (stream_position{6, 11}));
    EXPECT_EQ(on->find_stream("test-basin", "s").value()->written_at_ms, 5);
}

TEST_F(sqlite_storage_test, a_failed_transaction_leaves_nothing) {
    const auto stream = add_stream("s");
    ASSERT_TRUE(commit({row(stream, 0, 1, 1)}));
    const auto failed = commit({row(stream, 1, 1, 2), row(stream, 0, 1, 3)}, {{stream, "token", {}}});
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().message, testing::HasSubstr("UNIQUE"));
    EXPECT_THAT(firsts(stream, 0, 10), testing::ElementsAre(0));
    EXPECT_EQ(on->find_stream("test-basin", "s").value()->fencing_token, "");
    EXPECT_TRUE(commit({row(stream, 1, 1, 2)})) << "and the next one works";
}

TEST_F(sqlite_storage_test, lists_in_byte_order_with_prefix_and_start) {
    for (const char* name : {"b", "a", "ab", "abc", "ac", "\xc3\xa4"})
        add_stream(name);
    const auto names = [&](list_query query) {
        std::vector<std::string> all;
        for (const auto& each : on->list_streams("test-basin", query).value())
            all.push_back(each.name);
        return all;
    };
    EXPECT_THAT(names({}), testing::ElementsAre("a", "ab", "abc", "ac", "b", "\xc3\xa4"));
    EXPECT_THAT(names({"ab", "", 1000}), testing::ElementsAre("ab", "abc"));
    EXPECT_THAT(names({"ab", "ab", 1000}), testing::ElementsAre("abc"));
    EXPECT_THAT(names({"b", "a", 1000}), testing::ElementsAre("b")) << "a start before the prefix";
    EXPECT_THAT(names({"", "a", 2}), testing::ElementsAre("ab", "abc"));
}

TEST_F(sqlite_storage_test, is_read_by_another_while_it_writes) {
    const auto stream = add_stream("s");
    ASSERT_TRUE(commit({row(stream, 0, 1, 1)}));
    auto reader = open_storage(file, {true, 0});
    EXPECT_EQ(reader->read(stream, 0, 10, {}).value().size(), 1u);
    ASSERT_TRUE(commit({row(stream, 1, 1, 2)}));
    EXPECT_EQ(reader->read(stream, 0, 10, {}).value().size(), 2u);
    EXPECT_FALSE(reader->remove_stream(stream)) << "read only";
}

TEST_F(sqlite_storage_test, a_full_disk_is_told_in_words_and_survived) {
    const auto stream = add_stream("s");
    on.reset();
    on = open_storage(file, {false, 40}); // 2.5 MiB
    std::uint64_t seq = 0;
    stored<void> outcome = stored<void>();
    while (outcome && seq < 100) {
        auto big = row(stream, seq, 1, 1);
        big.data.assign(500'000, 'x');
        outcome = commit({big});
        seq += outcome ? 1 : 0;
    }
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().what, storage_error::kind::full);
    EXPECT_THAT(outcome.error().message, testing::HasSubstr("full"));
    EXPECT_EQ(on->find_stream("test-basin", "s").value()->tail.seq_num, seq);
    EXPECT_EQ(on->erase(stream, 1, 10).value(), 1u);
    EXPECT_TRUE(commit({row(stream, seq, 1, 1)})) << "room was made";
}

TEST_F(sqlite_storage_test, what_is_no_store_is_refused) {
    std::ofstream(directory / "text") << std::string(100'000, 'x');
    const auto text = sqlite_storage::open(directory / "text");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().what, storage_error::kind::corrupt);
    {
        auto other = database::open(directory / "other.db", {});
        ASSERT_TRUE(other->execute("CREATE TABLE t (x)"));
    }
    const auto other = sqlite_storage::open(directory / "other.db");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().what, storage_error::kind::unusable);
    EXPECT_FALSE(sqlite_storage::open(directory / "no/such/dir.db"));
}

TEST_F(sqlite_storage_test, a_damaged_page_is_an_error_not_a_crash) {
    const auto stream = add_stream("s");
    for (std::uint64_t seq = 0; seq < 20; ++seq) {
        auto big = row(stream, seq, 1, 1);
        big.data.assign(100'000, 'x');
        ASSERT_TRUE(commit({big}));
    }
    ASSERT_TRUE(on->checkpoint());
    on.reset();
    {
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        for (std::size_t page = 3; page < 15; ++page) {
            bytes.seekp(static_cast<std::streamoff>(page * sqlite_storage::page_bytes));
            bytes << std::string(64, '\xAA');
        }
    }
    on = open_storage(file);
    const auto rows = on->read(stream, 0, 100, {1000, 1'000'000});
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().what, storage_error::kind::corrupt);
}

} // namespace
} // namespace s2::local::test
