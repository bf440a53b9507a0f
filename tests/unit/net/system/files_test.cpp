#include "net/system/files.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace net {
namespace {

namespace errc = boost::system::errc;

class system_files_test : public testing::Test {
protected:
    std::filesystem::path dir;
    std::unique_ptr<file_system> files = make_system_files();

    void SetUp() override {
        char name[] = "/tmp/ringtail-files-XXXXXX";
        dir = ::mkdtemp(name);
    }

    void TearDown() override { std::filesystem::remove_all(dir); }

    static unsigned mode_of(const std::filesystem::path& of) {
        struct stat status{};
        ::stat(of.c_str(), &status);
        return status.st_mode & 07777;
    }

    // Files may not grow beyond this while it lives; a write or fallocate past it is EFBIG.
    class size_limit {
    public:
        explicit size_limit(rlim_t bytes) {
            ::getrlimit(RLIMIT_FSIZE, &before_);
            previous_ = std::signal(SIGXFSZ, SIG_IGN);
            const rlimit now{bytes, before_.rlim_max};
            ::setrlimit(RLIMIT_FSIZE, &now);
        }

        ~size_limit() {
            ::setrlimit(RLIMIT_FSIZE, &before_);
            std::signal(SIGXFSZ, previous_);
        }

    private:
        rlimit before_{};
        void (*previous_)(int) = nullptr;
    };
};

TEST_F(system_files_test, directories_are_made_with_their_parents_and_private) {
    EXPECT_FALSE(files->create_directories(dir / "a/b/c", 0700));
    EXPECT_EQ(mode_of(dir / "a"), 0700U);
    EXPECT_EQ(mode_of(dir / "a/b/c"), 0700U);
    EXPECT_FALSE(files->create_directories(dir / "a/b/c", 0700));
    std::ofstream(dir / "f") << "x";
    EXPECT_TRUE(files->create_directories(dir / "f", 0700));
    EXPECT_TRUE(files->create_directories(dir / "f/g", 0700));
}

TEST_F(system_files_test, list_shows_regular_files_by_name) {
    std::ofstream(dir / "b") << "12345";
    std::ofstream(dir / "a") << "";
    std::filesystem::create_directory(dir / "c");
    std::filesystem::create_symlink(dir / "b", dir / "d");
    const auto found = files->list(dir);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].name, "a");
    EXPECT_EQ((*found)[1].name, "b");
    EXPECT_EQ((*found)[1].size, 5U);
    EXPECT_EQ(files->list(dir / "none").error(), errc::make_error_condition(errc::no_such_file_or_directory));
}

TEST_F(system_files_test, replace_is_whole_private_and_leaves_nothing_beside) {
    EXPECT_FALSE(files->replace(dir / "f", "first", 0600));
    EXPECT_EQ(mode_of(dir / "f"), 0600U);
    std::ofstream(dir / "f.new") << "left by a crash";
    EXPECT_FALSE(files->replace(dir / "f", "second", 0600));
    EXPECT_EQ(*files->read_all(dir / "f", 100), "second");
    EXPECT_EQ(files->list(dir)->size(), 1U);
}

TEST_F(system_files_test, replaced_without_a_sync_it_is_whole_all_the_same) {
    EXPECT_FALSE(files->replace_unsynced(dir / "f", "first", 0644));
    EXPECT_EQ(mode_of(dir / "f"), 0644U);
    std::ofstream(dir / "f.new") << "left by a crash";
    EXPECT_FALSE(files->replace_unsynced(dir / "f", "second", 0644));
    EXPECT_EQ(*files->read_all(dir / "f", 100), "second");
    EXPECT_EQ(files->list(dir)->size(), 1U);
    {
        const size_limit limit(1000);
        EXPECT_EQ(files->replace_unsynced(dir / "f", std::string(5000, 'x'), 0644),
                  errc::make_error_condition(errc::file_too_large));
    }
    EXPECT_EQ(*files->read_all(dir / "f", 100), "second");
    EXPECT_EQ(files->list(dir)->size(), 1U);
}

TEST_F(system_files_test, output_goes_into_what_is_no_regular_file) {
    EXPECT_FALSE(files->write_output(dir / "f", "first", 0600));
    EXPECT_FALSE(files->write_output(dir / "f", "second", 0600));
    EXPECT_EQ(*files->read_all(dir / "f", 100), "second");
    EXPECT_EQ(files->list(dir)->size(), 1U);

    std::filesystem::create_symlink(dir / "f", dir / "link");
    EXPECT_FALSE(files->write_output(dir / "link", "short", 0600));
    EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
    EXPECT_EQ(*files->read_all(dir / "f", 100), "short");

    std::filesystem::create_symlink("/dev/null", dir / "null");
    EXPECT_FALSE(files->write_output(dir / "null", "gone", 0600));
    EXPECT_TRUE(std::filesystem::is_character_file(dir / "null"));

    ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(files->write_output(dir / "pipe", "unread", 0600),
              errc::make_error_condition(errc::no_such_device_or_address));
    const int reader = ::open((dir / "pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    EXPECT_FALSE(files->write_output(dir / "pipe", "whole", 0600));
    char got[16];
    EXPECT_EQ(::read(reader, got, sizeof got), 5);
    ::close(reader);
}

TEST_F(system_files_test, a_replace_that_fails_leaves_the_old_content) {
    EXPECT_FALSE(files->replace(dir / "f", "old", 0600));
    {
        const size_limit limit(1000);
        EXPECT_EQ(files->replace(dir / "f", std::string(5000, 'x'), 0600),
                  errc::make_error_condition(errc::file_too_large));
    }
    EXPECT_EQ(*files->read_all(dir / "f", 100), "old");
    EXPECT_EQ(files->list(dir)->size(), 1U);
}

TEST_F(system_files_test, read_all_has_a_limit) {
    std::ofstream(dir / "f") << std::string(200'000, 'x');
    EXPECT_EQ(files->read_all(dir / "f", 200'000)->size(), 200'000U);
    EXPECT_EQ(files->read_all(dir / "f", 199'999).error(), error::limit_exceeded);
    EXPECT_EQ(files->read_all(dir / "none", 1).error(),
              errc::make_error_condition(errc::no_such_file_or_directory));
}

TEST_F(system_files_test, append_is_all_or_nothing) {
    auto opened = files->open(dir / "log", true);
    ASSERT_TRUE(opened);
    EXPECT_EQ(mode_of(dir / "log"), 0600U);
    EXPECT_FALSE((*opened)->append("0123456789"));
    {
        const size_limit limit(15);
        EXPECT_EQ((*opened)->append("abcdefghij"), errc::make_error_condition(errc::file_too_large));
    }
    EXPECT_EQ(*(*opened)->size(), 10U);
    EXPECT_FALSE((*opened)->append("KL"));
    char read[8];
    EXPECT_EQ(*(*opened)->read_at(8, std::as_writable_bytes(std::span(read))), 4U);
    EXPECT_EQ(std::string_view(read, 4), "89KL");
    EXPECT_EQ(*(*opened)->read_at(12, std::as_writable_bytes(std::span(read))), 0U);
    EXPECT_FALSE((*opened)->truncate(3));
    EXPECT_FALSE((*opened)->sync());
    EXPECT_EQ(*(*opened)->size(), 3U);
    EXPECT_FALSE(files->open(dir / "none", false));
}

TEST_F(system_files_test, a_mapped_file_keeps_what_is_stored_and_is_never_made_over) {
    {
        auto made = files->create_mapped(dir / "seg", 1 << 20);
        ASSERT_TRUE(made) << made.error().message();
        ASSERT_EQ((*made)->bytes().size(), std::size_t{1} << 20);
        EXPECT_EQ((*made)->bytes()[12345], std::byte{0});
        (*made)->bytes()[12345] = std::byte{42};
        EXPECT_FALSE((*made)->sync());
    }
    struct stat status{};
    ::stat((dir / "seg").c_str(), &status);
    EXPECT_GE(status.st_blocks * 512, 1 << 20) << "not allocated";
    EXPECT_EQ(mode_of(dir / "seg"), 0600U);
    EXPECT_EQ(files->create_mapped(dir / "seg", 4096).error(), errc::make_error_condition(errc::file_exists));
    auto again = files->open_mapped(dir / "seg");
    ASSERT_TRUE(again);
    EXPECT_EQ((*again)->bytes()[12345], std::byte{42});
}

// Only there can the kernel map it by one large page.
TEST_F(system_files_test, a_mapping_of_whole_large_pages_begins_at_one) {
    constexpr std::size_t large = 2 << 20;
    for (const char* name : {"a", "b", "c"}) {
        auto made = files->create_mapped(dir / name, large);
        ASSERT_TRUE(made) << made.error().message();
        (*made)->expect_dense_access();
        const auto bytes = (*made)->bytes();
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % large, 0U);
        bytes.front() = bytes.back() = std::byte{42};
        EXPECT_FALSE((*made)->sync());
        auto again = files->open_mapped(dir / name);
        ASSERT_TRUE(again);
        EXPECT_EQ((*again)->bytes().back(), std::byte{42});
    }
}

TEST_F(system_files_test, a_mapped_file_without_room_is_an_error_and_leaves_nothing) {
    const size_limit limit(1 << 16);
    EXPECT_EQ(files->create_mapped(dir / "seg", 1 << 20).error(),
              errc::make_error_condition(errc::file_too_large));
    EXPECT_FALSE(files->exists(dir / "seg"));
}

TEST_F(system_files_test, what_can_not_be_mapped_is_said_so) {
    std::ofstream(dir / "empty") << "";
    EXPECT_FALSE(files->open_mapped(dir / "empty"));
    EXPECT_FALSE(files->open_mapped(dir));
    EXPECT_FALSE(files->open_mapped(dir / "none"));
    auto memory = files->anonymous(8192);
    ASSERT_TRUE(memory);
    EXPECT_EQ((*memory)->bytes()[8191], std::byte{0});
    EXPECT_FALSE((*memory)->sync());
}

TEST_F(system_files_test, a_lock_has_one_holder_who_can_be_named) {
    std::string holder;
    auto first = files->lock(dir / "lock", "pid 1234", holder);
    ASSERT_TRUE(first);
    EXPECT_EQ(holder, "");
    EXPECT_EQ(files->lock(dir / "lock", "pid 99", holder).error(), error::locked);
    EXPECT_EQ(holder, "pid 1234");
    first->reset();
    auto second = files->lock(dir / "lock", "pid 9", holder);
    ASSERT_TRUE(second);
    EXPECT_EQ(*files->read_all(dir / "lock", 100), "pid 9");
}

TEST_F(system_files_test, a_lock_goes_with_its_process) {
    const pid_t child = ::fork();
    if (child == 0) {
        std::string holder;
        auto held = files->lock(dir / "lock", "child", holder);
        ::_exit(held ? 0 : 1); // without a destructor, as a kill would
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    std::string holder;
    EXPECT_TRUE(files->lock(dir / "lock", "parent", holder));
}

TEST_F(system_files_test, a_fingerprint_changes_with_the_file) {
    EXPECT_EQ(files->fingerprint(dir / "f"), std::nullopt);
    EXPECT_FALSE(files->replace(dir / "f", "aaaa", 0600));
    const auto first = files->fingerprint(dir / "f");
    EXPECT_EQ(first, files->fingerprint(dir / "f"));
    EXPECT_FALSE(files->replace(dir / "f", "bbbb", 0600)); // the same size, within the same second
    EXPECT_NE(first, files->fingerprint(dir / "f"));
}

TEST_F(system_files_test, rename_and_remove_and_sync_of_a_directory) {
    std::ofstream(dir / "a") << "a";
    std::ofstream(dir / "b") << "b";
    EXPECT_FALSE(files->rename(dir / "a", dir / "b"));
    EXPECT_FALSE(files->exists(dir / "a"));
    EXPECT_EQ(*files->read_all(dir / "b", 9), "a");
    EXPECT_FALSE(files->sync_directory(dir));
    EXPECT_FALSE(files->remove(dir / "b"));
    EXPECT_TRUE(files->remove(dir / "b"));
    EXPECT_FALSE(files->create_directories(dir / "folder/inner", 0700));
    EXPECT_EQ(files->remove(dir / "folder"), errc::directory_not_empty);
    EXPECT_FALSE(files->remove(dir / "folder/inner"));
    EXPECT_FALSE(files->remove(dir / "folder"));
    EXPECT_FALSE(files->exists(dir / "folder"));
    EXPECT_TRUE(files->sync_directory(dir / "none"));
}

TEST_F(system_files_test, file_systems_have_names) {
    EXPECT_NE(files->file_system_type("/dev/shm"), "");
    EXPECT_EQ(files->file_system_type("/proc"), "");
    EXPECT_EQ(files->file_system_type(dir / "none"), "");
}

// The sanitizers have a SIGBUS handler of their own; ours replaces it when the first file is mapped.
TEST_F(system_files_test, storage_lost_under_a_mapping_names_the_file_and_ends_with_5) {
    EXPECT_EXIT(
        {
            auto made = files->create_mapped(dir / "lost-segment", 1 << 16);
            ::truncate((dir / "lost-segment").c_str(), 0);
            (*made)->bytes()[4096] = std::byte{1};
        },
        testing::ExitedWithCode(5), "lost-segment");
}

} // namespace
} // namespace net
