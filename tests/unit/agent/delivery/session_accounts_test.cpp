// What became of a session's events, over kills, crashes, shortages, and records of other shapes.
#include "agent/delivery/session_accounts.hpp"
#include "agent/state/session_record_json.hpp"
#include "tests/unit/agent/agent_world.hpp"

namespace agent::test {
namespace {

const place there{"basin-name", "http://a.test", "http://b.test"};

struct killed {};

// One agent over the state directory, as far as accounts go.
struct life final : ring_retention {
    capture_setup agent;
    std::unique_ptr<delivery_table> deliveries;
    owed_streams owed_now;
    stream_placement placement;
    session_accounts accounts;
    bool dies_behind_the_next_fold = false;

    life(agent_world& env, const std::filesystem::path& dir, net::error_code shortage = {})
        : agent(env, dir, 8 << 20, 1 << 20)
        , deliveries(std::move(*delivery_table::open(env, dir)))
        , owed_now(*agent.journal, *agent.table, *deliveries)
        , placement(env, *agent.table, *deliveries, owed_now, {there, "{capture_session_id}"})
        , accounts(*agent.journal, *agent.table, owed_now, placement) {
        agent.where.at = there;
        env.disk.open_mapped_fails = shortage;
        agent.journal->set_retention(this);
        accounts.settle();
        agent.table->on_synced(agent.table->generation(), {});
    }

    ~life() override { agent.journal->set_retention(nullptr); }

    bool owed(seq_t first, seq_t last) const override { return owed_now.owed(first, last); }

    void letting_go(std::uint64_t generation, seq_t first, seq_t last) override {
        accounts.letting_go({generation, first, last});
        if (dies_behind_the_next_fold)
            throw killed();
    }

    const session_record& start(const char* id) {
        const auto& session = agent.start({id, std::nullopt});
        if (!deliveries->find(there, session.parts.back().stream)) {
            delivery_state fresh;
            fresh.at = there;
            fresh.stream = session.parts.back().stream;
            fresh.durable_seq = agent.journal->last_seq() - 1;
            EXPECT_TRUE(deliveries->add(std::move(fresh)));
        }
        return session;
    }

    void publish(int events) {
        const std::string line = R"({"type":"t","data":")" + std::string(400'000, 'x') + R"("})";
        for (int count = 0; count < events; ++count)
            ASSERT_NE(agent.publish(line), 0u);
    }

    void deliver_to(seq_t seq) {
        auto& stream = *deliveries->all().back();
        stream.state.durable_seq = seq;
        deliveries->store(stream);
    }

    session_account account() const { return account_of(agent.table->latest()->id); }

    session_account account_of(const std::string& id) const {
        const auto account = accounts.account(*agent.table->find(id));
        EXPECT_EQ(account.published, account.durable + account.undelivered + account.dropped) << id;
        return account;
    }
};

struct session_accounts_test : testing::Test {
    agent_world env;
    scratch_dir dir;
};

void expect_counts(const session_account& account, std::uint64_t published, std::uint64_t durable,
                   std::uint64_t dropped) {
    EXPECT_EQ(account.published, published);
    EXPECT_EQ(account.durable, durable);
    EXPECT_EQ(account.undelivered, published - durable - dropped);
    EXPECT_EQ(account.dropped, dropped);
}

// Seq 1 is session_started; four events to a segment, four segments to the ring.
TEST_F(session_accounts_test, totals_go_on_over_segments_that_go) {
    life now(env, dir.path);
    now.start(id_one);
    now.publish(3);
    expect_counts(now.account(), 3, 0, 0);
    now.deliver_to(3);
    expect_counts(now.account(), 3, 2, 0);
    now.publish(30);
    const auto account = now.account();
    EXPECT_EQ(account.published, 33u);
    EXPECT_EQ(account.durable, 2u) << "in a segment that has gone";
    EXPECT_GT(account.dropped, 10u);
    EXPECT_EQ(account.undelivered_bytes > 0, account.undelivered > 0);
    now.deliver_to(now.agent.journal->last_seq());
    now.publish(3);
    expect_counts(now.account(), 36, 33 - account.dropped, account.dropped);
}

TEST_F(session_accounts_test, a_later_agent_goes_on_with_the_totals) {
    session_account before;
    {
        life now(env, dir.path);
        now.start(id_one);
        now.publish(30);
        now.agent.sessions->stop(end_reason::stopped);
        now.start(id_two);
        now.publish(9);
        before = now.account_of(id_one);
        expect_counts(now.account_of(id_two), 9, 0, 0);
    }
    life now(env, dir.path);
    expect_counts(now.account_of(id_one), 30, 0, before.dropped);
    expect_counts(now.account_of(id_two), 9, 0, 0);
}

TEST_F(session_accounts_test, a_process_that_is_killed_between_the_fold_and_the_rings_note_counts_once) {
    std::uint64_t dropped = 0;
    {
        life now(env, dir.path);
        now.start(id_one);
        now.publish(25); // some have gone before
        dropped = now.account().dropped;
        ASSERT_GT(dropped, 0u);
        now.dies_behind_the_next_fold = true;
        EXPECT_THROW(now.publish(9), killed);
    }
    for (int again = 0; again < 2; ++again) {
        life now(env, dir.path);
        const auto published = now.agent.journal->last_seq() - 1;
        expect_counts(now.account(), published, 0, dropped);
        now.dies_behind_the_next_fold = true;
        EXPECT_THROW(now.publish(9), killed) << "the same segment once more";
    }
    life now(env, dir.path);
    const auto published = now.agent.journal->last_seq() - 1;
    now.publish(20);
    const auto account = now.account();
    expect_counts(account, published + 20, 0, account.dropped);
    EXPECT_EQ(account.undelivered, now.agent.journal->count(0, 1, ~seq_t{0}).producer_events);
}

TEST_F(session_accounts_test, a_record_of_an_earlier_version_counts_what_the_ring_holds_once) {
    {
        life now(env, dir.path);
        const auto number = now.start(id_one).number;
        now.publish(10);
        now.deliver_to(7);
        // 4 had been dropped before; the stored count of durable ones lags.
        now.agent.table->update(number, [](session_record& record) {
            record.gone = {40 + 4 + 8, 33, 4}; // 40 that are gone and durable; 8 of the ring's, up to seq 9
            record.whole_to = 9;
        });
    }
    {
        const auto table = std::move(*session_table::open_to_read(env, dir.path));
        EXPECT_EQ(table->latest()->whole_to, 9u) << "it is in the table as an earlier version wrote it";
    }
    for (int again = 0; again < 2; ++again) {
        life now(env, dir.path);
        expect_counts(now.account(), 40 + 4 + 10, 40 + 6, 4);
        EXPECT_EQ(now.agent.table->latest()->whole_to, 0u);
        EXPECT_EQ(now.agent.table->latest()->gone, (event_counts{44, 40, 4}));
    }
}

TEST_F(session_accounts_test, what_an_earlier_version_wrote_is_read) {
    const auto record = session_record_of_json(
        R"({"number":3,"id":"01890a5d-ac96-774b-bcce-b302099a8057","created_at":1700000000000000,)"
        R"("categories":["console"],"active":false,"end_reason":"stopped","spans":[[1,9]],)"
        R"("places":[["my-basin","https://a.s2.dev","https://{basin}.b.s2.dev"]],"parts":[[0,"x",1]],)"
        R"("published":9,"durable":8,"dropped":1,"counted_to":7})");
    ASSERT_TRUE(record);
    EXPECT_EQ(record->gone, (event_counts{9, 8, 1}));
    EXPECT_EQ(record->whole_to, 7u);
    EXPECT_EQ(record->last_gone, segment_fold{});
    EXPECT_EQ(session_record_of_json(to_json_text(*record))->whole_to, 7u);
}

TEST_F(session_accounts_test, a_session_that_comes_back_from_the_history_is_counted_behind_its_leaving) {
    life now(env, dir.path);
    const auto number = now.start(id_one).number;
    now.publish(25);
    now.agent.sessions->stop(end_reason::stopped);
    now.deliver_to(now.agent.journal->last_seq());
    const auto before = now.account();
    now.start(id_two);
    const auto kept = now.accounts.whole(*now.agent.table->find(id_one));
    ASSERT_TRUE(kept);
    now.agent.sessions->stop(end_reason::stopped);
    now.agent.table->remove(number);
    auto back = session_record_of_json(to_json_text(*kept));
    ASSERT_TRUE(back);
    ASSERT_TRUE(now.agent.table->add(std::move(*back), [](const auto&) { return false; }));
    expect_counts(now.account_of(id_one), before.published, before.durable, before.dropped);
    now.agent.start({id_one, std::nullopt});
    now.publish(30);
    const auto account = now.account_of(id_one);
    EXPECT_EQ(account.published, before.published + 30);
    EXPECT_EQ(account.durable, before.durable);
}

TEST_F(session_accounts_test, what_can_not_be_read_yet_is_missing_from_the_totals_until_it_can) {
    {
        life now(env, dir.path);
        now.start(id_one);
        now.publish(12);
        now.deliver_to(7);
    }
    life now(env, dir.path);
    env.disk.open_mapped_fails = make_error_code(boost::system::errc::too_many_files_open_in_system);
    const auto lagging = now.account();
    EXPECT_LT(lagging.published, 12u);
    EXPECT_LE(lagging.durable, 6u);
    EXPECT_FALSE(now.accounts.whole(*now.agent.table->latest())) << "it can't leave for the history";
    env.disk.open_mapped_fails = {};
    expect_counts(now.account(), 12, 6, 0);
}

TEST_F(session_accounts_test, a_shortage_at_the_start_leaves_a_record_of_an_earlier_version_for_later) {
    {
        life now(env, dir.path);
        const auto number = now.start(id_one).number;
        now.publish(12);
        now.deliver_to(7);
        now.agent.table->update(number, [](session_record& record) {
            record.gone = {12, 3, 0};
            record.whole_to = 13;
        });
    }
    life now(env, dir.path, make_error_code(boost::system::errc::too_many_files_open_in_system));
    EXPECT_EQ(now.agent.table->latest()->whole_to, 13u);
    const auto lagging = now.account();
    EXPECT_LE(lagging.published, 12u);
    EXPECT_LE(lagging.durable, 6u);
    env.disk.open_mapped_fails = {};
    expect_counts(now.account(), 12, 6, 0);
    now.accounts.settle();
    EXPECT_EQ(now.agent.table->latest()->whole_to, 0u);
    expect_counts(now.account(), 12, 6, 0);
}

// The table is younger than the ring: the segments that it counted as gone are back.
TEST_F(session_accounts_test, after_a_machine_crash_nothing_counts_twice) {
    const auto saved = dir.path / "saved";
    std::uint64_t published = 0;
    {
        life now(env, dir.path);
        now.start(id_one);
        now.publish(14);
        std::filesystem::copy(dir.path / "ring", saved);
        now.publish(20);
        published = now.account().published;
        ASSERT_GT(now.account().dropped, 0u);
    }
    std::filesystem::remove_all(dir.path / "ring");
    std::filesystem::rename(saved, dir.path / "ring");
    env.boot = "another";
    for (int again = 0; again < 2; ++again) {
        life now(env, dir.path);
        EXPECT_EQ(now.agent.journal->after_machine_crash(), again == 0);
        const auto account = now.account(); // adds up
        EXPECT_LE(account.published, published);
        EXPECT_EQ(account.undelivered, 14u);
    }
}

TEST_F(session_accounts_test, after_a_machine_crash_what_is_back_is_taken_off) {
    const auto saved = dir.path / "saved";
    session_account before;
    {
        life now(env, dir.path);
        now.start(id_one);
        now.publish(14);
        now.deliver_to(7);
        std::filesystem::copy(dir.path / "ring", saved);
        now.publish(30);
        before = now.account();
        ASSERT_EQ(before.durable, 6u);
        ASSERT_GT(before.dropped, 8u) << "all that comes back";
    }
    std::filesystem::remove_all(dir.path / "ring");
    std::filesystem::rename(saved, dir.path / "ring");
    env.boot = "another";
    life now(env, dir.path);
    expect_counts(now.account(), 14 + before.dropped - 8, 6, before.dropped - 8);
}

// None of the events that are back was durable: those that had gone before stay so.
TEST_F(session_accounts_test, after_a_machine_crash_what_had_gone_durable_stays_so) {
    const auto saved = dir.path / "saved";
    {
        life now(env, dir.path);
        now.start(id_one);
        now.publish(10);
        now.deliver_to(11);
        now.publish(25);
        std::filesystem::copy(dir.path / "ring", saved);
        now.publish(30);
        ASSERT_EQ(now.account().durable, 10u);
    }
    std::filesystem::remove_all(dir.path / "ring");
    std::filesystem::rename(saved, dir.path / "ring");
    env.boot = "another";
    life now(env, dir.path);
    EXPECT_EQ(now.account().durable, 10u);
}

TEST_F(session_accounts_test, a_session_that_is_over_is_durable_to_its_own_end) {
    life now(env, dir.path);
    now.start(id_one);
    now.publish(3);
    now.agent.sessions->stop(end_reason::stopped);
    const seq_t end = now.agent.journal->last_seq();
    now.deliver_to(end);
    now.start(id_two);
    now.publish(3);
    now.deliver_to(now.agent.journal->last_seq());
    EXPECT_EQ(now.account_of(id_one).durable_seq, end);
    expect_counts(now.account_of(id_one), 3, 3, 0);
    EXPECT_EQ(now.account_of(id_two).durable_seq, now.agent.journal->last_seq());
}

} // namespace
} // namespace agent::test
