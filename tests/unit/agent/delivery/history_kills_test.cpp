// An agent that is killed at any step of a session's way into the history and back: no session is forgotten,
// and no stream's state is lost or older than it was.
#include "tests/unit/agent/history_kit.hpp"

namespace agent::test {
namespace {

struct killed {};

// Before and behind each thing that it does, the process may end.
class mortal_storage final : public history_storage {
public:
    mortal_storage(std::unique_ptr<history_storage> inner, int& steps_left)
        : inner_(std::move(inner))
        , steps_left_(steps_left) {}

    stored<void> keep(const std::vector<session_record>& a, const std::vector<delivery_state>& b) override {
        return step<void>([&] { return inner_->keep(a, b); });
    }

    stored<std::optional<session_record>> find_session(const std::string& id) override {
        return step<std::optional<session_record>>([&] { return inner_->find_session(id); });
    }

    stored<std::optional<delivery_state>> find_stream(const place& at, const std::string& name) override {
        return step<std::optional<delivery_state>>([&] { return inner_->find_stream(at, name); });
    }

    stored<std::vector<session_record>> oldest_in_store(std::size_t limit) override {
        return inner_->oldest_in_store(limit);
    }

    stored<void> left_store(const std::string& id) override { return inner_->left_store(id); }

private:
    template <class Value>
    stored<Value> step(const std::function<stored<Value>()>& work) {
        may_die();
        auto done = work();
        may_die();
        return done;
    }

    void may_die() const {
        if (steps_left_-- == 0)
            throw killed();
    }

    std::unique_ptr<history_storage> inner_;
    int& steps_left_;
};

struct killed_history : history_kit {
    int steps_left = -1;

    killed_history() {
        setup.open = [this](net::environment& in,
                            const std::filesystem::path& at) -> stored<std::unique_ptr<history_storage>> {
            auto opened = open_sqlite_history(in, at);
            if (!opened)
                return opened.error();
            return std::unique_ptr<history_storage>(
                std::make_unique<mortal_storage>(std::move(*opened), steps_left));
        };
    }

    // True: it lived to the end.
    bool live(int steps, const std::function<net::task<>()>& body) {
        steps_left = steps;
        bool whole = false;
        agent([&]() -> net::task<> {
            try {
                co_await body();
                whole = true;
            } catch (const killed&) {
                whole = false;
            }
        });
        steps_left = -1;
        reopen_tables();
        return whole;
    }

    // In a table or in the file, with what was known of it.
    void expect_known(std::size_t number, std::uint64_t durable_at_least) {
        const auto* in_table = sessions->find(id_of(number));
        const auto record = in_table ? std::optional(*in_table) : kept(number);
        ASSERT_TRUE(record) << number;
        EXPECT_EQ(record->parts.front().from_seq, 2 * number - 1);
        const auto* entry = deliveries->find(here, id_of(number));
        const auto state = entry ? std::optional(entry->state) : kept_stream(id_of(number));
        ASSERT_TRUE(state) << number;
        EXPECT_EQ(state->memory.tokens, std::vector<std::string>{"token of " + id_of(number)});
        EXPECT_GE(state->durable_seq, durable_at_least);
    }

    // What an agent after it finds when it starts the session.
    void expect_same_stream(std::size_t number) {
        agent([this, number]() -> net::task<> {
            if (into->active())
                into->stop(end_reason::superseded);
            const auto refused = co_await start(number);
            EXPECT_FALSE(refused);
            if (!into->active())
                co_return;
            EXPECT_EQ(into->active()->parts.size(), 1u);
            EXPECT_EQ(into->active()->parts.front().from_seq, 2 * number - 1);
            const auto* entry = deliveries->find(here, id_of(number));
            EXPECT_TRUE(entry && entry->state.memory.claimed) << number;
            into->stop(end_reason::stopped);
        });
    }
};

TEST(history_kills, at_each_step_of_leaving_and_coming_back) {
    constexpr std::size_t count = 8;
    bool whole = false;
    int steps = 0;
    for (; !whole && steps < 100; ++steps) {
        killed_history world;
        // First lives: all is in the tables.
        world.setup.sessions_kept = 100;
        ASSERT_TRUE(world.live(-1, [&]() -> net::task<> { co_await world.live_through(1, count); }));
        world.setup.sessions_kept = 2;
        whole = world.live(steps, [&]() -> net::task<> {
            co_await world.let_leave();
            for (const std::size_t number : {1u, 3u, 1u}) {
                co_await world.live_one(number);
                world.deliver();
                co_await world.let_leave();
            }
        });
        for (std::size_t number = 1; number <= count; ++number)
            world.expect_known(number, 2 * count);
        EXPECT_EQ(world.sessions->forgotten(), 0u);
        for (std::size_t number = 1; number <= count; ++number)
            world.expect_same_stream(number);
        ASSERT_FALSE(testing::Test::HasFailure()) << "killed at step " << steps;
    }
    EXPECT_TRUE(whole);
    EXPECT_GT(steps, 10) << "it was killed in between";
}

} // namespace
} // namespace agent::test
