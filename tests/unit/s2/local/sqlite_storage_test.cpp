#include "s2/local/sqlite_storage.hpp"
#include "tests/unit/s2/local/fixture.hpp"
#include "tests/unit/s2/local/storage_contract.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace s2::local::test {
namespace {

struct in_a_file {
    temporary_directory directory;
    std::filesystem::path file = directory / "store.db";

    std::unique_ptr<sqlite_storage> open() { return open_storage(file); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, storage_contract, in_a_file);

class sqlite_storage_test : public storage_contract<in_a_file> {
protected:
    std::filesystem::path file = kind.file;
};

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

TEST_F(sqlite_storage_test, takes_nothing_once_its_file_has_no_name) {
    const auto stream = add_stream("s");
    ASSERT_TRUE(commit({row(stream, 0, 1, 1)}));
    std::filesystem::rename(file, kind.directory / "elsewhere");
    const auto refused = commit({row(stream, 1, 1, 2)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, storage_error::kind::unusable);
    EXPECT_THAT(refused.error().message, testing::HasSubstr("moved away"));
    std::filesystem::rename(kind.directory / "elsewhere", file);
    EXPECT_TRUE(commit({row(stream, 1, 1, 2)})) << "it is back";
}

TEST_F(sqlite_storage_test, what_is_no_store_is_refused) {
    std::ofstream(kind.directory / "text") << std::string(100'000, 'x');
    const auto text = sqlite_storage::open(kind.directory / "text");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().what, storage_error::kind::corrupt);
    {
        auto other = database::open(kind.directory / "other.db", {});
        ASSERT_TRUE(other->execute("CREATE TABLE t (x)"));
    }
    const auto other = sqlite_storage::open(kind.directory / "other.db");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().what, storage_error::kind::unusable);
    EXPECT_FALSE(sqlite_storage::open(kind.directory / "no/such/dir.db"));
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
