// One process's view: mappings, locks, room, failures, and its end.
#include "tests/sim/disk_kit.hpp"

namespace sim::test {
namespace {

using process_files_test = disk_test;

TEST_F(process_files_test, a_new_mapping_is_zero_and_later_ones_show_what_was_stored) {
    auto made = create("/s/a", 3 * page_bytes + 512);
    ASSERT_EQ(made->bytes().size(), 3 * page_bytes + 512);
    EXPECT_EQ(storage->read("/s/a"), std::string(3 * page_bytes + 512, '\0'));
    auto second = files->open_mapped("/s/a");
    ASSERT_TRUE(second);
    made->bytes()[page_bytes] = std::byte{7};
    EXPECT_EQ((*second)->bytes()[page_bytes], std::byte{7});
    made.reset();
    second->reset();
    restart();
    EXPECT_EQ((*files->open_mapped("/s/a"))->bytes()[page_bytes], std::byte{7});
    EXPECT_EQ(files->create_mapped("/s/a", 10).error(), errc::make_error_condition(errc::file_exists));
    EXPECT_EQ(files->create_mapped("/s/b", 0).error(), errc::make_error_condition(errc::invalid_argument));
    EXPECT_EQ(files->open_mapped("/s/b").error(),
              errc::make_error_condition(errc::no_such_file_or_directory));
    EXPECT_EQ((*files->anonymous(5))->bytes().size(), 5U);
}

TEST_F(process_files_test, a_killed_process_changes_nothing_any_more) {
    auto made = create("/s/a", 2 * page_bytes);
    fill(*made, 0, 'a');
    auto log = open("/s/log");
    EXPECT_FALSE(log->append("one"));
    std::string holder;
    auto lock = files->lock("/s/lock", "first", holder);
    ASSERT_TRUE(lock);
    files->kill();
    const auto names = storage->files();

    fill(*made, 0, 'x');
    fill(*made, 1, 'x');
    EXPECT_TRUE(made->sync());
    EXPECT_TRUE(log->append("two"));
    EXPECT_TRUE(log->truncate(0));
    EXPECT_TRUE(log->sync());
    EXPECT_FALSE(log->size());
    EXPECT_FALSE(files->open("/s/new", true));
    EXPECT_FALSE(files->create_mapped("/s/new", page_bytes));
    EXPECT_FALSE(files->open_mapped("/s/a"));
    EXPECT_FALSE(files->anonymous(page_bytes));
    EXPECT_FALSE(files->read_all("/s/log", 100));
    EXPECT_FALSE(files->list("/s"));
    EXPECT_FALSE(files->lock("/s/other", "x", holder));
    EXPECT_FALSE(files->exists("/s/a"));
    EXPECT_FALSE(files->fingerprint("/s/a"));
    EXPECT_TRUE(files->replace("/s/log", "x", 0600));
    EXPECT_TRUE(files->rename("/s/log", "/s/l"));
    EXPECT_TRUE(files->remove("/s/log"));
    EXPECT_TRUE(files->create_directories("/n", 0700));
    EXPECT_TRUE(files->sync_directory("/s"));

    EXPECT_EQ(storage->files(), names);
    EXPECT_EQ(storage->read("/s/log"), "one");
    EXPECT_EQ(storage->read("/s/a"), std::string(page_bytes, 'a') + std::string(page_bytes, '\0'));

    process_files next(storage);
    auto again = next.open_mapped("/s/a");
    ASSERT_TRUE(again);
    fill(**again, 0, 'b');
    EXPECT_EQ(made->bytes()[0], std::byte{'x'}) << "the dead keep their own memory";
    auto second = next.lock("/s/lock", "second", holder);
    ASSERT_TRUE(second);
    lock->reset();
    log.reset();
    made.reset();
    EXPECT_EQ(page_of(*storage, "/s/a", 0), std::string(page_bytes, 'b'));
    EXPECT_EQ(next.lock("/s/lock", "third", holder).error(), net::error::locked);
    EXPECT_EQ(holder, "second");
}

TEST_F(process_files_test, a_crash_takes_what_a_killed_process_had_not_synced) {
    auto made = create("/s/a", page_bytes);
    EXPECT_FALSE(files->sync_directory("/s"));
    fill(*made, 0, 'n');
    files->kill();
    fill(*made, 0, 'x');
    draw source(1);
    storage->crash(source);
    EXPECT_EQ(storage->read("/s/a")->find('x'), std::string::npos);
    restart();
    auto again = files->open_mapped("/s/a");
    ASSERT_TRUE(again);
    fill(**again, 0, 'z');
    EXPECT_FALSE((*again)->sync());
    files->kill();
    EXPECT_EQ(crashed(2)->read("/s/a"), std::string(page_bytes, 'z'));
}

TEST_F(process_files_test, a_lock_has_one_holder_whose_text_it_tells) {
    process_files other(storage);
    std::string holder;
    auto first = files->lock("/s/lock", "pid 1", holder);
    ASSERT_TRUE(first);
    EXPECT_EQ(other.lock("/s/lock", "pid 2", holder).error(), net::error::locked);
    EXPECT_EQ(holder, "pid 1");
    EXPECT_EQ(files->lock("/s/lock", "again", holder).error(), net::error::locked);
    first->reset();
    EXPECT_TRUE(other.lock("/s/lock", "pid 2", holder)); // and lets go at once
    files.reset();
    restart();
    auto third = files->lock("/s/lock", "3", holder);
    ASSERT_TRUE(third);
    EXPECT_EQ(storage->read("/s/lock"), "3");
    files.reset();
    EXPECT_TRUE(other.lock("/s/lock", "pid 2", holder)) << "a process that is gone holds nothing";
    EXPECT_FALSE(other.lock("/none/lock", "pid 2", holder));
}

TEST_F(process_files_test, a_full_disk_refuses_what_needs_room_and_keeps_the_rest) {
    auto log = open("/s/log");
    EXPECT_FALSE(log->append("12345"));
    EXPECT_FALSE(files->replace("/s/status", "old", 0600));
    auto made = create("/s/ring/a", page_bytes);
    EXPECT_EQ(storage->used_bytes(), page_bytes + 8);
    EXPECT_EQ(storage->used_bytes("/s/ring"), page_bytes);
    EXPECT_EQ(storage->used_bytes("/s/ri"), 0U);
    EXPECT_EQ(storage->used_bytes("/s/log"), 5U);

    storage->capacity_bytes = page_bytes + 10;
    const auto full = errc::make_error_condition(errc::no_space_on_device);
    EXPECT_EQ(files->create_mapped("/s/ring/b", page_bytes).error(), full);
    EXPECT_EQ(log->append("123"), full);
    EXPECT_EQ(log->truncate(100), full);
    EXPECT_EQ(files->replace("/s/status", "new", 0600), full) << "both are there for a while";
    EXPECT_EQ(files->read_all("/s/log", 10).value(), "12345");
    EXPECT_EQ(files->read_all("/s/status", 10).value(), "old");
    EXPECT_FALSE(files->exists("/s/ring/b"));
    EXPECT_FALSE(log->append("67"));
    fill(*made, 0, 'a');
    EXPECT_FALSE(made->sync());

    EXPECT_FALSE(files->remove("/s/ring/a"));
    EXPECT_EQ(storage->used_bytes(), page_bytes + 10) << "still mapped";
    EXPECT_EQ(storage->used_bytes("/"), 10U);
    EXPECT_EQ(made->bytes()[0], std::byte{'a'});
    EXPECT_EQ(log->append("8"), full);
    made.reset();
    EXPECT_EQ(storage->used_bytes(), 10U);
    create("/s/ring/b", page_bytes);
    storage->capacity_bytes = 0;
    EXPECT_EQ(log->append("8"), full);
    EXPECT_FALSE(log->truncate(1));
}

TEST_F(process_files_test, the_world_can_let_every_operation_fail) {
    auto made = create("/s/a", page_bytes);
    auto log = open("/s/log");
    EXPECT_FALSE(files->sync_directory("/s"));
    std::vector<std::pair<operation, std::string>> asked;
    const auto broken = errc::make_error_code(errc::io_error);
    storage->fails = [&](operation what, const disk::path& where) -> std::optional<net::error_code> {
        asked.emplace_back(what, where.string());
        return broken;
    };
    EXPECT_EQ(made->sync(), broken);
    EXPECT_EQ(log->sync(), broken);
    EXPECT_EQ(files->sync_directory("/s"), broken);
    EXPECT_EQ(log->append("x"), broken);
    EXPECT_EQ(log->truncate(0), broken);
    EXPECT_EQ(files->create_mapped("/s/b", page_bytes).error(), broken);
    EXPECT_EQ(files->open("/s/b", true).error(), broken);
    EXPECT_EQ(files->create_directories("/s/d/e", 0700), broken);
    EXPECT_EQ(files->replace("/s/b", "x", 0600), broken);
    EXPECT_EQ(files->rename("/s/a", "/s/b"), broken);
    EXPECT_EQ(files->remove("/s/a"), broken);
    using enum operation;
    EXPECT_THAT(asked, ElementsAre(std::pair(sync, "/s/a"), std::pair(sync, "/s/log"), std::pair(sync, "/s"),
                                   std::pair(append, "/s/log"), std::pair(append, "/s/log"),
                                   std::pair(create, "/s/b"), std::pair(create, "/s/b"),
                                   std::pair(create, "/s/d"), std::pair(replace, "/s/b"),
                                   std::pair(rename, "/s/a"), std::pair(operation::remove, "/s/a")));
    EXPECT_THAT(storage->files(), ElementsAre("/s/a", "/s/log"));
    EXPECT_TRUE(files->open("/s/a", true)) << "nothing is made";

    // The last step of a replace: the new content stands, and a crash may take it back.
    storage->fails = nullptr;
    EXPECT_FALSE(files->replace("/s/b", "old", 0600));
    storage->fails = [&](operation what, const disk::path&) {
        return what == sync ? std::optional<net::error_code>(broken) : std::nullopt;
    };
    EXPECT_EQ(files->replace("/s/b", "new", 0600), broken);
    EXPECT_EQ(storage->read("/s/b"), "new");
    files->kill();
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < 20; ++seed)
        outcomes.insert(crashed(seed)->read("/s/b").value());
    EXPECT_THAT(outcomes, UnorderedElementsAre("old", "new"));
}

TEST_F(process_files_test, a_failed_sync_makes_nothing_durable) {
    auto made = create("/s/a", page_bytes);
    EXPECT_FALSE(files->sync_directory("/s"));
    fill(*made, 0, 'n');
    storage->fails = [](operation, const disk::path&) {
        return std::optional<net::error_code>(errc::make_error_code(errc::io_error));
    };
    EXPECT_TRUE(made->sync());
    files->kill();
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < 50; ++seed)
        outcomes.insert(crashed(seed)->read("/s/a").value());
    EXPECT_TRUE(outcomes.contains(std::string(page_bytes, '\0')));
}

TEST_F(process_files_test, a_clone_goes_its_own_way) {
    auto made = create("/s/a", page_bytes);
    fill(*made, 0, 'a');
    auto log = open("/s/log");
    EXPECT_FALSE(log->append("both "));
    std::string holder;
    const auto lock = files->lock("/s/lock", "first", holder);
    ASSERT_TRUE(lock);
    const auto copy = storage->clone();

    fill(*made, 0, 'b');
    EXPECT_FALSE(log->append("one"));
    EXPECT_FALSE(files->remove("/s/lock"));
    process_files there(copy);
    EXPECT_TRUE(there.lock("/s/lock", "second", holder)) << "locks are not copied";
    auto other = there.open_mapped("/s/a");
    ASSERT_TRUE(other);
    EXPECT_EQ((*other)->bytes()[0], std::byte{'a'});
    (*other)->bytes()[1] = std::byte{'c'};
    EXPECT_FALSE((*there.open("/s/log", false))->append("other"));
    there.kill();

    EXPECT_EQ(storage->read("/s/log"), "both one");
    EXPECT_EQ(copy->read("/s/log"), "both other");
    EXPECT_EQ(storage->read("/s/a"), std::string(page_bytes, 'b'));
    EXPECT_EQ(copy->read("/s/a")->substr(0, 3), "aca");
    EXPECT_FALSE(storage->read("/s/lock"));
    EXPECT_EQ(copy->read("/s/lock"), "second");
    draw source(5);
    copy->crash(source);
    EXPECT_EQ(storage->read("/s/log"), "both one");
}

TEST_F(process_files_test, fingerprints_tell_every_change) {
    EXPECT_FALSE(files->fingerprint("/s/a"));
    std::set<std::string> seen;
    const auto fresh = [&](const disk::path& file) {
        return seen.insert(files->fingerprint(file).value()).second;
    };
    EXPECT_FALSE(files->replace("/s/a", "1", 0600));
    EXPECT_TRUE(fresh("/s/a"));
    EXPECT_FALSE(fresh("/s/a"));
    EXPECT_FALSE(files->replace("/s/a", "2", 0600));
    EXPECT_TRUE(fresh("/s/a"));
    auto opened = open("/s/a");
    EXPECT_FALSE(fresh("/s/a"));
    EXPECT_FALSE(opened->append("x"));
    EXPECT_TRUE(fresh("/s/a"));
    EXPECT_FALSE(opened->truncate(1));
    EXPECT_TRUE(fresh("/s/a"));
    EXPECT_FALSE(files->rename("/s/a", "/s/b"));
    EXPECT_TRUE(fresh("/s/b"));
    auto made = create("/s/c", page_bytes);
    EXPECT_TRUE(fresh("/s/c"));
    fill(*made, 0, 'x');
    EXPECT_FALSE(made->sync());
    EXPECT_TRUE(fresh("/s/c"));
}

TEST_F(process_files_test, calls_answer_as_the_kernel_does) {
    const auto missing = errc::make_error_condition(errc::no_such_file_or_directory);
    const auto no_directory = errc::make_error_condition(errc::not_a_directory);
    const auto directory = errc::make_error_condition(errc::is_a_directory);
    EXPECT_FALSE(files->replace("/s/f", "12345", 0600));
    EXPECT_FALSE(files->replace("/s/f.new", "left there", 0600));
    EXPECT_FALSE(files->replace("/s/f", "123456", 0600));
    EXPECT_FALSE(files->exists("/s/f.new"));
    EXPECT_FALSE(files->create_directories("/s/a/b", 0700));
    EXPECT_FALSE(files->create_directories("/s/a/b/", 0700));
    EXPECT_FALSE(files->replace("/s-", "", 0600));
    EXPECT_FALSE(files->replace("/s/ring/x", "", 0600));
    EXPECT_EQ(files->create_directories("/s/f/g", 0700), no_directory);
    const auto listed = files->list("/s");
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->size(), 1U);
    EXPECT_EQ(listed->front().name, "f");
    EXPECT_EQ(listed->front().size, 6U);
    EXPECT_EQ(files->list("/none").error(), missing);
    EXPECT_EQ(files->list("/s/f").error(), no_directory);
    EXPECT_EQ(files->list("/").value().size(), 1U);
    EXPECT_TRUE(files->exists("s/./ring/../f"));
    EXPECT_EQ(files->remove("/s/none"), missing);
    EXPECT_EQ(files->remove("/s/a"), directory);
    EXPECT_EQ(files->rename("/s/none", "/s/g"), missing);
    EXPECT_EQ(files->rename("/s/f", "/none/g"), missing);
    EXPECT_EQ(files->rename("/s/f", "/s/a"), directory);
    EXPECT_FALSE(files->rename("/s/f", "/s/f"));
    EXPECT_EQ(files->replace("/none/f", "x", 0600), missing);
    EXPECT_EQ(files->replace("/s/f/g", "x", 0600), no_directory);
    EXPECT_EQ(files->open("/s/none", false).error(), missing);
    EXPECT_EQ(files->open("/s/f/g", true).error(), no_directory);
    EXPECT_EQ(files->open("/s/a", true).error(), directory);
    EXPECT_EQ(files->create_mapped("/none/a", page_bytes).error(), missing);
    EXPECT_EQ(files->sync_directory("/none"), missing);
    EXPECT_EQ(files->read_all("/s/f", 6).value(), "123456");
    EXPECT_EQ(files->read_all("/s/f", 5).error(), net::error::limit_exceeded);
    EXPECT_EQ(files->file_system_type("/s"), "ext4");
    EXPECT_EQ(files->file_system_type("/none"), "");

    auto opened = open("/s/f");
    std::array<char, 4> read{};
    EXPECT_EQ(opened->read_at(3, std::as_writable_bytes(std::span(read))).value(), 3U);
    EXPECT_EQ(std::string_view(read.data(), 3), "456");
    EXPECT_EQ(opened->read_at(6, std::as_writable_bytes(std::span(read))).value(), 0U);
    EXPECT_FALSE(files->remove("/s/f"));
    EXPECT_FALSE(opened->append("7"));
    EXPECT_EQ(opened->size().value(), 7U);
}

TEST_F(process_files_test, a_log_grows_over_pages) {
    auto log = open("/s/log");
    std::string all;
    for (int count = 0; count < 3000; ++count) {
        const std::string line(static_cast<std::size_t>(count % 97), static_cast<char>('a' + count % 26));
        EXPECT_FALSE(log->append(line));
        all += line;
        if (count == 2000) {
            EXPECT_FALSE(log->sync());
        }
    }
    EXPECT_EQ(storage->read("/s/log"), all);
    EXPECT_FALSE(log->sync());
    EXPECT_FALSE(files->sync_directory("/s"));
    files->kill();
    EXPECT_EQ(crashed(1)->read("/s/log"), all);
}

} // namespace
} // namespace sim::test
