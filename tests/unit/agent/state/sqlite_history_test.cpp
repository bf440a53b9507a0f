#include "agent/state/session_record_json.hpp"
#include "agent/state/sqlite_history.hpp"
#include "tests/unit/agent/agent_world.hpp"

namespace agent::test {
namespace {

session_record a_session(std::size_t number, bool embedded = false) {
    session_record record;
    record.number = static_cast<std::uint32_t>(number);
    record.id = "session " + std::to_string(number);
    record.spans.push_back({number * 10, number * 10 + 9});
    const place elsewhere{"basin", "https://a", "https://b"};
    record.parts.push_back({embedded ? place{"ringtail", "", ""} : elsewhere, record.id, number * 10});
    record.gone.published = number;
    return record;
}

delivery_state a_stream(std::string name, std::string token) {
    delivery_state state;
    state.at = {"basin", "https://a", "https://b"};
    state.stream = std::move(name);
    state.memory.tokens = {std::move(token)};
    return state;
}

struct history_file_test : testing::Test {
    const scratch_dir dir;
    const std::filesystem::path file = dir.path / history_file;

    std::unique_ptr<sqlite_history> open(sqlite_history::options how = {}) {
        auto opened = sqlite_history::open(file, how);
        EXPECT_TRUE(opened) << opened.error().message;
        return std::move(*opened);
    }
};

TEST_F(history_file_test, what_is_kept_is_found_by_who_writes_and_who_only_reads) {
    const auto writer = open();
    ASSERT_TRUE(writer->keep({a_session(1), a_session(2)}, {a_stream("one", "a"), a_stream("two", "b")}));
    const auto reader = open({true});
    for (const auto& one : {writer.get(), reader.get()}) {
        const auto found = one->find_session("session 2");
        ASSERT_TRUE(found && *found);
        EXPECT_EQ(to_json_text(**found), to_json_text(a_session(2)));
        const auto stream = one->find_stream({"basin", "https://a", "https://b"}, "two");
        ASSERT_TRUE(stream && *stream);
        EXPECT_EQ(to_json_text(**stream), to_json_text(a_stream("two", "b")));
        EXPECT_FALSE(*one->find_stream({"basin", "https://a", "https://other"}, "two"));
        EXPECT_FALSE(*one->find_session("session 3"));
    }
    ASSERT_TRUE(writer->keep({}, {a_stream("two", "c")}));
    const auto stream = reader->find_stream({"basin", "https://a", "https://b"}, "two");
    EXPECT_EQ((*stream)->memory.tokens, std::vector<std::string>{"c"}) << "the newest";
}

TEST_F(history_file_test, the_newest_are_kept) {
    const auto writer = open({false, 0, 10});
    for (std::size_t number = 1; number <= 40; ++number) {
        auto used = a_stream("stream " + std::to_string(number), "a");
        used.durable_seq = number * 10;
        ASSERT_TRUE(writer->keep({a_session(number)}, {used}));
    }
    for (std::size_t number = 1; number <= 40; ++number) {
        EXPECT_EQ(writer->find_session("session " + std::to_string(number))->has_value(), number > 30);
        const auto stream = writer->find_stream(a_stream("", "").at, "stream " + std::to_string(number));
        EXPECT_EQ(stream->has_value(), number > 20) << number;
    }
}

TEST_F(history_file_test, a_transaction_that_fails_leaves_nothing) {
    {
        const auto writer = open();
        ASSERT_TRUE(writer->keep({a_session(1)}, {}));
    }
    const auto writer = open({false, 14});
    std::vector<session_record> many;
    for (std::size_t number = 2; number <= 200; ++number)
        many.push_back(a_session(number));
    const auto kept = writer->keep(many, {});
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().what, storage_error::kind::full);
    EXPECT_FALSE(*writer->find_session("session 2"));
    EXPECT_TRUE(*writer->find_session("session 1"));
    ASSERT_TRUE(writer->keep({a_session(3)}, {})) << "it goes on";
}

TEST_F(history_file_test, of_the_store_the_oldest_come_first_until_they_have_left_it) {
    const auto writer = open();
    ASSERT_TRUE(writer->keep({a_session(3, true), a_session(1, true), a_session(2), a_session(4, true)}, {}));
    const auto ids = [&] {
        std::string all;
        const auto listed = writer->oldest_in_store(2);
        for (const auto& one : *listed)
            all += one.id + ";";
        return all;
    };
    EXPECT_EQ(ids(), "session 1;session 3;");
    ASSERT_TRUE(writer->left_store("session 1"));
    EXPECT_EQ(ids(), "session 3;session 4;");
    EXPECT_TRUE(*writer->find_session("session 1"));
}

TEST_F(history_file_test, another_database_and_another_version_are_told_apart_from_a_lack_of_room) {
    open();
    {
        auto other = s2::local::database::open(file, {});
        ASSERT_TRUE(other->execute("PRAGMA user_version=2"));
    }
    auto later = sqlite_history::open(file, {});
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().what, storage_error::kind::corrupt);
    EXPECT_NE(later.error().message.find("another version"), std::string::npos) << later.error().message;
    {
        auto other = s2::local::database::open(file, {});
        ASSERT_TRUE(other->execute("PRAGMA application_id=5"));
    }
    EXPECT_NE(sqlite_history::open(file, {}).error().message.find("not a history"), std::string::npos);
}

} // namespace
} // namespace agent::test
