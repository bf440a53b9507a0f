// What a crash of the machine leaves of bytes and names.
#include "tests/sim/disk_kit.hpp"

namespace sim::test {
namespace {

TEST_F(disk_test, what_was_synced_survives_every_crash) {
    auto made = create("/s/a", 64 * page_bytes);
    fill(*made, 3, 'a');
    fill(*made, 60, 'b');
    EXPECT_FALSE(made->sync());
    fill(*made, 60, '\0'); // a page that becomes zero again is synced too
    EXPECT_FALSE(made->sync());
    auto log = open("/s/log");
    EXPECT_FALSE(log->append("one line\n"));
    EXPECT_FALSE(log->sync());
    EXPECT_FALSE(files->replace("/s/status", "whole", 0600));
    files->kill();
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto after = crashed(seed);
        ASSERT_EQ(page_of(*after, "/s/a", 3), std::string(page_bytes, 'a'));
        ASSERT_EQ(page_of(*after, "/s/a", 60), std::string(page_bytes, '\0'));
        ASSERT_EQ(after->read("/s/log"), "one line\n");
        ASSERT_EQ(after->read("/s/status"), "whole");
    }
}

// A page's sectors as letters; each is of one.
std::string sectors_of(const std::string& page) {
    std::string letters;
    for (std::size_t at = 0; at < page.size(); at += sector_bytes) {
        EXPECT_EQ(page.substr(at, sector_bytes), std::string(sector_bytes, page[at]));
        letters += page[at];
    }
    return letters;
}

TEST_F(disk_test, each_unsynced_page_is_old_new_or_torn_at_a_sector) {
    auto made = create("/s/a", 3 * page_bytes);
    for (std::size_t index = 0; index < 3; ++index)
        fill(*made, index, 'o');
    EXPECT_FALSE(made->sync());
    EXPECT_FALSE(files->sync_directory("/s"));
    fill(*made, 0, 'n');
    fill(*made, 1, 'n');
    files->kill();
    std::set<std::string> shapes;
    std::set<std::string> pairs;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto after = crashed(seed);
        const std::string first = sectors_of(page_of(*after, "/s/a", 0));
        const std::string second = sectors_of(page_of(*after, "/s/a", 1));
        shapes.insert(first);
        pairs.insert({first.front(), first.back(), second.front(), second.back()});
        ASSERT_EQ(sectors_of(page_of(*after, "/s/a", 2)), "oooooooo");
    }
    std::set<std::string> all{"oooooooo", "nnnnnnnn"};
    for (std::size_t torn_at = 1; torn_at < 8; ++torn_at) {
        all.insert(std::string(torn_at, 'o') + std::string(8 - torn_at, 'n'));
        all.insert(std::string(torn_at, 'n') + std::string(8 - torn_at, 'o'));
    }
    EXPECT_EQ(shapes, all);
    EXPECT_EQ(pairs.size(), 16U) << "the pages are drawn each by itself";
}

TEST_F(disk_test, of_what_was_never_written_back_only_the_synced_is_left) {
    auto made = create("/s/a", 2 * page_bytes);
    EXPECT_FALSE(files->sync_directory("/s"));
    fill(*made, 0, 'o');
    EXPECT_FALSE(made->sync());
    fill(*made, 0, 'n');
    fill(*made, 1, 'n');
    create("/s/b", page_bytes);
    made.reset();
    files->kill();
    storage->crash_unwritten();
    EXPECT_EQ(storage->read("/s/a"), std::string(page_bytes, 'o') + std::string(page_bytes, '\0'));
    EXPECT_FALSE(storage->exists("/s/b"));
}

TEST_F(disk_test, a_crash_is_decided_by_its_seed_and_settles_everything) {
    auto made = create("/s/a", 20 * page_bytes);
    for (std::size_t index = 0; index < 20; ++index)
        fill(*made, index, 'n');
    EXPECT_FALSE(open("/s/log")->append("abcdefghij"));
    EXPECT_FALSE(files->sync_directory("/s"));
    files->kill();
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto once = crashed(seed);
        const auto again = crashed(seed);
        ASSERT_EQ(once->files(), again->files());
        ASSERT_EQ(once->read("/s/a"), again->read("/s/a"));
        ASSERT_EQ(once->read("/s/log"), again->read("/s/log"));
        outcomes.insert(*once->read("/s/a"));
        const std::string settled = *once->read("/s/a") + *once->read("/s/log");
        draw other(seed + 1);
        once->crash(other);
        ASSERT_EQ(*once->read("/s/a") + *once->read("/s/log"), settled);
    }
    EXPECT_EQ(outcomes.size(), 20U);
}

TEST_F(disk_test, of_unsynced_appends_a_prefix_is_left_or_zeros_behind_it) {
    auto log = open("/s/log");
    EXPECT_FALSE(log->append("synced "));
    EXPECT_FALSE(log->sync());
    EXPECT_FALSE(files->sync_directory("/s"));
    EXPECT_FALSE(log->append("abcd"));
    EXPECT_FALSE(log->append("efgh"));
    files->kill();
    std::set<std::string> prefixes;
    bool zeros = false;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const std::string left = crashed(seed)->read("/s/log").value();
        ASSERT_LE(left.size(), 15U);
        const std::string prefix = left.substr(0, left.find('\0'));
        ASSERT_EQ(prefix, std::string("synced abcdefgh").substr(0, prefix.size()));
        ASSERT_EQ(left, prefix + std::string(left.size() - prefix.size(), '\0'));
        prefixes.insert(prefix);
        zeros = zeros || prefix != left;
    }
    EXPECT_EQ(prefixes.size(), 9U);
    EXPECT_EQ(prefixes.begin()->size(), 7U);
    EXPECT_TRUE(zeros);
}

TEST_F(disk_test, an_unsynced_cut_took_place_or_did_not) {
    auto log = open("/s/log");
    EXPECT_FALSE(log->append("0123456789"));
    EXPECT_FALSE(log->sync());
    EXPECT_FALSE(files->sync_directory("/s"));
    EXPECT_FALSE(log->truncate(4));
    EXPECT_EQ(*log->size(), 4U);
    EXPECT_FALSE(log->truncate(6));
    EXPECT_EQ(storage->read("/s/log"), std::string("0123\0\0", 6));
    EXPECT_FALSE(log->truncate(4));
    EXPECT_FALSE(log->append("x"));
    files->kill();
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < seeds; ++seed)
        outcomes.insert(crashed(seed)->read("/s/log").value());
    EXPECT_THAT(outcomes, UnorderedElementsAre("0123456789", "0123", "0123x", std::string("0123\0", 5)));
}

TEST_F(disk_test, of_the_names_a_prefix_of_their_changes_survives) {
    EXPECT_FALSE(files->replace("/s/ring/a", "a", 0600));
    create("/s/ring/b", page_bytes);
    EXPECT_FALSE(files->rename("/s/ring/a", "/s/ring/c"));
    EXPECT_FALSE(files->remove("/s/ring/b"));
    EXPECT_FALSE(files->create_directories("/t", 0700));
    EXPECT_FALSE(open("/t/d")->sync()); // the bytes, not the name
    EXPECT_THAT(storage->files(), ElementsAre("/s/ring/c", "/t/d"));
    files->kill();
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto after = crashed(seed);
        std::string outcome = after->exists("/t") ? "/t " : "";
        for (const auto& name : after->files())
            outcome += name + " ";
        outcomes.insert(outcome);
    }
    EXPECT_THAT(outcomes, UnorderedElementsAre("/s/ring/a ", "/s/ring/a /s/ring/b ", "/s/ring/b /s/ring/c ",
                                               "/s/ring/c ", "/t /s/ring/c ", "/t /s/ring/c /t/d "));
}

TEST_F(disk_test, a_synced_directory_keeps_its_names_and_all_changes_before) {
    create("/s/a", 2 * page_bytes);
    create("/s/ring/b", page_bytes);
    create("/s/c", page_bytes);
    EXPECT_FALSE(files->sync_directory("/s/ring"));
    files->kill();
    std::set<std::vector<std::string>> outcomes;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto after = crashed(seed);
        outcomes.insert(after->files());
        ASSERT_EQ(after->read("/s/a"), std::string(2 * page_bytes, '\0')) << "allocated with the name";
    }
    EXPECT_THAT(outcomes, UnorderedElementsAre(ElementsAre("/s/a", "/s/ring/b"),
                                               ElementsAre("/s/a", "/s/c", "/s/ring/b")));
}

TEST_F(disk_test, replaced_without_a_sync_it_is_the_old_one_the_new_one_or_less) {
    EXPECT_FALSE(files->replace("/s/a", "old", 0600));
    EXPECT_FALSE(files->replace_unsynced("/s/a", "newer", 0600));
    EXPECT_EQ(storage->read("/s/a"), "newer");
    files->kill();
    EXPECT_EQ(storage->read("/s/a"), "newer") << "over the death of its process it is whole";
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < seeds; ++seed)
        outcomes.insert(*crashed(seed)->read("/s/a"));
    EXPECT_TRUE(outcomes.contains("old"));
    EXPECT_TRUE(outcomes.contains("newer"));
    EXPECT_GT(outcomes.size(), 2U);
}

TEST_F(disk_test, a_file_whose_removal_got_lost_has_its_content) {
    EXPECT_FALSE(files->replace("/s/a", "content", 0600));
    EXPECT_FALSE(files->remove("/s/a"));
    files->kill();
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < 20; ++seed)
        outcomes.insert(crashed(seed)->read("/s/a").value_or("removed"));
    EXPECT_THAT(outcomes, UnorderedElementsAre("content", "removed"));
}

TEST_F(disk_test, the_oldest_changes_last_by_themselves) {
    for (std::size_t count = 0; count < 2 * journaled_names::changes_max; ++count)
        create("/s/" + std::to_string(1000 + count), page_bytes);
    files->kill();
    for (std::uint64_t seed = 0; seed < 20; ++seed)
        ASSERT_GE(crashed(seed)->files().size(), journaled_names::changes_max);
}

} // namespace
} // namespace sim::test
