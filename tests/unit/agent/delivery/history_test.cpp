#include "tests/unit/agent/history_kit.hpp"

namespace agent::test {
namespace {

using testing::HasSubstr;

struct history_of_sessions : testing::Test, history_kit {};

TEST_F(history_of_sessions, what_is_delivered_leaves_the_tables_and_comes_back_as_it_was) {
    agent([this]() -> net::task<> { co_await live_through(1, 9); });
    EXPECT_LE(sessions->all().size(), setup.sessions_kept);
    EXPECT_EQ(deliveries->all().size(), sessions->all().size());
    EXPECT_FALSE(sessions->find(id_of(1)));
    EXPECT_EQ(sessions->latest()->id, id_of(9));
    reopen_tables();
    agent([this]() -> net::task<> {
        const auto refused = co_await start(1);
        EXPECT_FALSE(refused);
        const auto* again = sessions->find(id_of(1));
        EXPECT_EQ(again, into->active());
        EXPECT_EQ(again, sessions->latest());
        EXPECT_EQ(again->parts.size(), 1u);
        EXPECT_EQ(again->parts.front().from_seq, 1u);
        EXPECT_EQ(again->spans.back().from_seq, 19u);
        EXPECT_GT(again->number, 9u);
        const auto* entry = deliveries->find(here, id_of(1));
        EXPECT_TRUE(entry);
        if (!entry)
            co_return;
        EXPECT_EQ(entry->state.memory.tokens, std::vector<std::string>{"token of " + id_of(1)});
        EXPECT_TRUE(entry->state.memory.claimed);
        EXPECT_EQ(entry->state.memory.durable, 7u);
        EXPECT_EQ(entry->state.durable_seq, 18u);
        EXPECT_EQ(entry->state.from_seq, 1u);
    });
}

TEST_F(history_of_sessions, few_sessions_make_no_file) {
    agent([this]() -> net::task<> {
        co_await live_through(1, 4);
        const auto refused = co_await start(5);
        EXPECT_FALSE(refused);
    });
    EXPECT_FALSE(env.disk.exists(file()));
}

TEST_F(history_of_sessions, without_a_directory_there_is_none) {
    agent([this]() -> net::task<> {
        history none(env, {}, *sessions, *deliveries, *sink, setup);
        co_await none.recall(id_of(1));
        co_await none.run();
        const auto oldest = co_await none.oldest_in_store(5);
        EXPECT_TRUE(oldest.empty());
        co_await none.close();
    });
    EXPECT_FALSE(env.disk.exists(file()));
}

TEST_F(history_of_sessions, what_waits_for_s2_stays_in_the_tables) {
    agent([this]() -> net::task<> {
        for (std::size_t number = 1; number <= 9; ++number)
            co_await live_one(number);
        co_await let_leave();
        EXPECT_EQ(sessions->all().size(), 9u);
        EXPECT_FALSE(env.disk.exists(file()));
    });
}

TEST_F(history_of_sessions, sessions_come_and_go_for_ever) {
    agent([this]() -> net::task<> {
        for (std::size_t round = 0; round < 40; ++round)
            for (std::size_t number = 1; number <= 12; ++number) {
                co_await live_one(number);
                deliver();
                if (number % 4 == 0)
                    co_await let_leave();
            }
    });
    EXPECT_LE(sessions->all().size(), setup.sessions_kept);
    EXPECT_EQ(sessions->forgotten(), 0u);
    agent([this]() -> net::task<> {
        for (std::size_t number = 1; number <= 12; ++number) {
            co_await live_one(number);
            EXPECT_EQ(sessions->find(id_of(number))->parts.front().from_seq, 2 * number - 1);
            EXPECT_EQ(sessions->find(id_of(number))->parts.size(), 1u);
        }
    });
}

// The streams' state is the newest of all who share it, and is there while one of them is in the tables.
TEST_F(history_of_sessions, a_stream_that_sessions_share_leaves_with_the_last_of_them) {
    stream_template = "shared";
    agent([this]() -> net::task<> { co_await live_through(1, 9); });
    EXPECT_FALSE(sessions->find(id_of(1)));
    ASSERT_TRUE(deliveries->find(here, "shared"));
    EXPECT_FALSE(kept_stream("shared"));
    stream_template = "{capture_session_id}"; // nobody else writes there from now on
    agent([this]() -> net::task<> { co_await live_through(10, 19); });
    EXPECT_FALSE(deliveries->find(here, "shared"));
    ASSERT_TRUE(kept_stream("shared"));
    EXPECT_EQ(kept_stream("shared")->memory.durable, 7u);
    agent([this]() -> net::task<> {
        co_await live_one(1);
        auto* back = deliveries->find(here, "shared");
        EXPECT_TRUE(back);
        if (!back)
            co_return;
        back->state.memory.tokens = {"a newer one"};
        back->state.memory.durable = 70;
        deliveries->store(*back);
        co_await live_one(2); // whose row would bring the older state
        EXPECT_EQ(deliveries->find(here, "shared")->state.memory.durable, 70u);
        back->state.durable_seq = back->state.sent_seq = journal->last_seq();
        deliveries->store(*back);
        for (std::size_t number = 20; number <= 29; ++number)
            co_await live_one(number);
        for (const auto& entry : deliveries->all())
            entry->state.durable_seq = entry->state.sent_seq = journal->last_seq();
        co_await let_leave();
        EXPECT_FALSE(deliveries->find(here, "shared"));
    });
    EXPECT_EQ(kept_stream("shared")->memory.tokens, std::vector<std::string>{"a newer one"});
}

TEST_F(history_of_sessions, the_stream_of_all_that_was_lost_stays_known) {
    stream_template = "shared";
    agent([this]() -> net::task<> {
        co_await live_one(1);
        deliver();
        auto* lost = deliveries->find(here, "shared");
        lost->state.lost = true;
        lost->state.lost_reason = "another writer";
        lost->state.continued_as = "shared~01234567";
        deliveries->store(*lost);
        co_await live_through(2, 12);
    });
    EXPECT_FALSE(sessions->find(id_of(1)));
    ASSERT_TRUE(deliveries->find(here, "shared")) << "else the next session would be written there";
    EXPECT_TRUE(deliveries->find(here, "shared~01234567"));
}

TEST_F(history_of_sessions, a_session_comes_back_into_the_continuation_of_its_stream) {
    agent([this]() -> net::task<> {
        co_await live_one(1);
        deliver();
        auto* lost = deliveries->find(here, id_of(1));
        lost->state.lost = true;
        lost->state.lost_reason = "another writer";
        lost->state.continued_as = id_of(1) + "~01234567";
        deliveries->store(*lost);
        co_await live_one(1);
        EXPECT_TRUE(deliveries->find(here, id_of(1) + "~01234567"));
        deliver();
        co_await live_through(2, 12);
        EXPECT_FALSE(sessions->find(id_of(1)));
        EXPECT_FALSE(deliveries->find(here, id_of(1)));
        const auto refused = co_await start(1);
        EXPECT_FALSE(refused);
        const auto* next = deliveries->find(here, id_of(1) + "~01234567");
        EXPECT_TRUE(next && next->state.memory.claimed);
    });
}

TEST_F(history_of_sessions, one_that_changes_while_it_is_written_stays) {
    class slow final : public history_storage {
    public:
        slow(std::unique_ptr<history_storage> inner, std::function<void()> meanwhile)
            : inner_(std::move(inner))
            , meanwhile_(std::move(meanwhile)) {}

        stored<void> keep(const std::vector<session_record>& a,
                          const std::vector<delivery_state>& b) override {
            auto done = inner_->keep(a, b);
            if (meanwhile_)
                std::exchange(meanwhile_, nullptr)();
            return done;
        }

        stored<std::optional<session_record>> find_session(const std::string& id) override {
            return inner_->find_session(id);
        }

        stored<std::optional<delivery_state>> find_stream(const place& at, const std::string& name) override {
            return inner_->find_stream(at, name);
        }

        stored<std::vector<session_record>> oldest_in_store(std::size_t limit) override {
            return inner_->oldest_in_store(limit);
        }

        stored<void> left_store(const std::string& id) override { return inner_->left_store(id); }

    private:
        std::unique_ptr<history_storage> inner_;
        std::function<void()> meanwhile_;
    };

    setup.open = [this](net::environment& in,
                        const std::filesystem::path& at) -> stored<std::unique_ptr<history_storage>> {
        auto opened = open_sqlite_history(in, at);
        if (!opened)
            return opened.error();
        return std::unique_ptr<history_storage>(std::make_unique<slow>(std::move(*opened), [this] {
            const auto started = into->start({id_of(1), std::nullopt});
            EXPECT_TRUE(std::holds_alternative<const session_record*>(started));
        }));
    };
    agent([this]() -> net::task<> {
        co_await live_through(1, 9);
        EXPECT_TRUE(into->active());
        EXPECT_EQ(into->active()->id, id_of(1));
        EXPECT_TRUE(deliveries->find(here, id_of(1)));
        EXPECT_FALSE(sessions->find(id_of(2)));
        co_await past->close();
    });
}

// --- what the file may be

TEST_F(history_of_sessions, a_damaged_file_is_set_aside_and_a_new_one_begins) {
    ASSERT_FALSE(env.disk.replace(file(), std::string(8192, 'x'), 0600));
    agent([this]() -> net::task<> {
        const auto refused = co_await start(1);
        EXPECT_FALSE(refused);
        into->stop(end_reason::stopped);
        EXPECT_TRUE(env.disk.exists(file().string() + ".damaged-1"));
        co_await live_through(2, 9);
        co_await past->close();
    });
    EXPECT_TRUE(kept(1));
    ASSERT_FALSE(env.disk.replace(file(), std::string(8192, 'y'), 0600));
    agent([this]() -> net::task<> {
        co_await live_one(20);
        EXPECT_TRUE(env.disk.exists(file().string() + ".damaged-2"));
    });
}

TEST_F(history_of_sessions, one_of_a_later_version_is_set_aside) {
    agent([this]() -> net::task<> {
        co_await live_through(1, 9);
        co_await past->close();
    });
    {
        auto opened = s2::local::database::open(file(), {});
        ASSERT_TRUE(opened);
        ASSERT_TRUE(opened->execute("PRAGMA user_version=9"));
    }
    agent([this]() -> net::task<> { co_await live_one(1); });
    EXPECT_TRUE(env.disk.exists(file().string() + ".damaged-1"));
    EXPECT_EQ(sessions->find(id_of(1))->parts.front().from_seq, 19u) << "nobody knows it any more";
}

TEST_F(history_of_sessions, a_directory_in_its_place_is_set_aside) {
    ASSERT_FALSE(env.disk.create_directories(file(), 0700));
    agent([this]() -> net::task<> {
        co_await live_through(1, 9);
        co_await past->close();
    });
    EXPECT_TRUE(kept(1));
}

TEST_F(history_of_sessions, a_locked_one_is_tried_again_and_holds_nobody_up) {
    agent([this]() -> net::task<> {
        co_await live_through(1, 9);
        co_await past->close();
    });
    auto other = std::make_unique<s2::local::database>(std::move(*s2::local::database::open(file(), {})));
    ASSERT_TRUE(other->execute("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; PRAGMA user_version"));
    agent([this, &other]() -> net::task<> {
        co_await live_through(10, 19);
        EXPECT_GT(sessions->all().size(), 10u) << "they stay";
        EXPECT_FALSE(env.disk.exists(file().string() + ".damaged-1"));
        other.reset();
        co_await let_leave();
        EXPECT_LE(sessions->all().size(), setup.sessions_kept);
        co_await past->close();
    });
    EXPECT_TRUE(kept(1));
    EXPECT_TRUE(kept(12));
}

TEST_F(history_of_sessions, where_it_is_full_settled_sessions_give_way_as_without_one) {
    std::uint32_t pages = 12; // its tables, and no row of this size
    setup.open = [&pages](net::environment&,
                          const std::filesystem::path& at) -> stored<std::unique_ptr<history_storage>> {
        auto opened = sqlite_history::open(at, {false, pages});
        if (!opened)
            return opened.error();
        return std::unique_ptr<history_storage>(std::move(*opened));
    };
    stream_template = std::string(300, 'x') + "{capture_session_id}";
    agent([this]() -> net::task<> {
        for (std::size_t number = 1; number <= sessions_max + 20; ++number) {
            co_await live_one(number);
            deliver();
        }
        co_await let_leave();
        EXPECT_EQ(sessions->all().size(), sessions_max);
        EXPECT_EQ(sessions->forgotten(), 20u);
        EXPECT_FALSE(env.disk.exists(file().string() + ".damaged-1")) << "it is well";
        co_await past->close();
    });
    pages = 0;
    agent([this]() -> net::task<> {
        co_await let_leave();
        EXPECT_LE(sessions->all().size(), sessions_max);
        co_await live_one(sessions_max + 21);
        deliver();
        co_await let_leave();
        EXPECT_EQ(sessions->forgotten(), 0u + 20u);
        co_await past->close();
    });
    EXPECT_TRUE(kept(21));
}

TEST_F(history_of_sessions, a_file_that_is_taken_away_is_made_anew) {
    agent([this]() -> net::task<> {
        co_await live_through(1, 9);
        EXPECT_FALSE(env.disk.rename(file(), file().string() + ".away"));
        co_await live_through(10, 30);
        co_await past->close();
    });
    EXPECT_FALSE(kept(1));
    EXPECT_TRUE(kept(20));
}

} // namespace
} // namespace agent::test
