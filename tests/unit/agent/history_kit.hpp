#pragma once
// Agents over one state directory after each other, with a history that takes sessions early; S2 is never
// reached: what is delivered is what a test says.

#include "agent/delivery/history.hpp"
#include "agent/state/session_record_json.hpp"
#include "agent/state/sqlite_history.hpp"
#include "agent_world.hpp"
#include "tests/unit/s2/scripted_server.hpp"

#include <gmock/gmock.h>

namespace agent::test {

inline std::string id_of(std::size_t number) {
    const auto digits = std::to_string(number);
    return "aaaaaaaa-0000-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

struct history_kit {
    const place here{"basin-aaaa", "http://a.test", "http://a.test"};
    agent_world env;
    const scratch_dir dir;
    ring_recovery recovery;
    std::unique_ptr<ring> journal = std::move(*ring::open(env, {{}, 16 << 20, 4 << 20}, 0, recovery));
    std::unique_ptr<session_table> sessions = std::move(*session_table::open(env, dir.path));
    std::unique_ptr<delivery_table> deliveries = std::move(*delivery_table::open(env, dir.path));
    s2::test::scripted_server server{env.world};
    history_setup setup{open_sqlite_history, {}, 4, 100};
    std::string stream_template = "{capture_session_id}";
    s2_sink* sink = nullptr;
    capture* into = nullptr;
    history* past = nullptr;

    history_kit() { env.disk.mapping_syncs_nothing = true; }

    std::filesystem::path file() const { return dir.path / history_file; }

    void agent(const std::function<net::task<>()>& body) {
        server.run([&](s2::client& client) -> net::task<> {
            s2_sink one(env, *journal, *sessions, *deliveries, client, {here, stream_template, {}},
                        [](const std::string&) {});
            history before(env, dir.path, *sessions, *deliveries, one, setup);
            capture captured(env, *journal, *sessions, one);
            sink = &one;
            into = &captured;
            past = &before;
            journal->set_retention(&one);
            one.recover();
            co_await body();
            journal->set_retention(nullptr);
        });
    }

    void reopen_tables() {
        journal->set_retention(nullptr);
        sessions = std::move(*session_table::open(env, dir.path));
        deliveries = std::move(*delivery_table::open(env, dir.path));
    }

    // As the API and the service do it.
    net::task<std::optional<start_error>> start(std::size_t number) {
        std::optional<std::string> id = id_of(number);
        co_await past->recall(std::move(id));
        const auto started = into->start({id_of(number), std::nullopt});
        if (const auto* refused = std::get_if<start_error>(&started))
            co_return *refused;
        co_return std::nullopt;
    }

    net::task<> live_one(std::size_t number) {
        const auto refused = co_await start(number);
        EXPECT_FALSE(refused) << number << ": " << refused->message;
        if (!refused)
            into->stop(end_reason::stopped);
    }

    // S2 has acknowledged all that there is.
    void deliver() {
        for (const auto& entry : deliveries->all()) {
            auto& state = entry->state;
            state.durable_seq = state.sent_seq = journal->last_seq();
            state.memory.tokens = {"token of " + state.stream};
            state.memory.claimed = true;
            state.memory.durable = 7;
            deliveries->store(*entry);
        }
    }

    // Until nothing more happens.
    net::task<> let_leave() {
        co_await net::with_task_group(env, [this](net::task_group& group) -> net::task<> {
            group.spawn([this] { return past->run(); });
            co_await net::sleep_until(env, env.now() + std::chrono::seconds(2));
            group.abort();
        });
    }

    net::task<> live_through(std::size_t first, std::size_t last) {
        for (std::size_t number = first; number <= last; ++number)
            co_await live_one(number);
        deliver();
        co_await let_leave();
    }

    // What the file has of it.
    std::optional<session_record> kept(std::size_t number) {
        const auto opened = sqlite_history::open(file(), {true});
        EXPECT_TRUE(opened);
        auto found = (*opened)->find_session(id_of(number));
        EXPECT_TRUE(found);
        return *found;
    }

    std::optional<delivery_state> kept_stream(const std::string& stream) {
        const auto opened = sqlite_history::open(file(), {true});
        EXPECT_TRUE(opened);
        auto found = (*opened)->find_stream(here, stream);
        EXPECT_TRUE(found);
        return *found;
    }
};

} // namespace agent::test
