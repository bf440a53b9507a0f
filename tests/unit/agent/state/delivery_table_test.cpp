#include "agent/state/delivery_table.hpp"
#include "agent/state/seq_ceiling.hpp"
#include "tests/unit/agent/support/ring_kit.hpp"

#include <boost/json.hpp>

namespace agent::test {
namespace {

const place there{"basin-one", "https://a", "https://{basin}.b"};

delivery_state sample(std::string stream) {
    delivery_state state;
    state.at = there;
    state.stream = std::move(stream);
    state.memory.tokens = {"t0", "t1"};
    state.memory.claimed = true;
    state.memory.durable = 18'000'000'000'000'000'000ull;
    state.from_seq = 3;
    state.durable_seq = 7;
    state.trusted_seq = 8;
    state.sent_seq = 9;
    state.own_records = {{8, 7, R"({"a":"\"\\ é"})"}, {9, 0, "x"}};
    return state;
}

std::unique_ptr<delivery_table> open(memory_world& env) {
    return std::move(*delivery_table::open(env, "/state"));
}

TEST(delivery_table_test, what_was_stored_is_there_after_the_process) {
    memory_world env;
    open(env)->add(sample("one"));
    const auto table = open(env);
    ASSERT_EQ(table->all().size(), 1u);
    const auto* found = table->find(there, "one");
    ASSERT_TRUE(found);
    const auto expected = sample("one");
    EXPECT_EQ(found->state.memory, expected.memory);
    EXPECT_EQ(found->state.from_seq, 3u);
    EXPECT_EQ(found->state.durable_seq, 7u);
    EXPECT_EQ(found->state.trusted_seq, 8u);
    EXPECT_EQ(found->state.sent_seq, 9u);
    ASSERT_EQ(found->state.own_records.size(), 2u);
    EXPECT_EQ(found->state.own_records[0].line, expected.own_records[0].line);
    EXPECT_EQ(found->state.own_records[0].covers_to, 7u);
    EXPECT_FALSE(found->state.lost);
}

// It had left the later slot and come back in the earlier one when the machine died, and the end of the former had
// not reached the disk; or the other way round.
TEST(delivery_table_test, a_stream_in_two_slots_is_the_one_that_has_come_further) {
    for (const bool further_is_first : {true, false}) {
        memory_world env;
        auto further = sample("one");
        further.durable_seq += 5;
        further.sent_seq += 5;
        further.trusted_seq = 0;
        auto behind = sample("one");
        {
            const auto table = open(env);
            table->add(further_is_first ? further : behind);
            table->add(sample("other"));
            auto* twin = table->add(sample("twin"));
            twin->state = further_is_first ? behind : further;
            table->store(*twin);
        }
        const auto table = open(env);
        EXPECT_TRUE(table->damaged().empty());
        ASSERT_EQ(table->all().size(), 2u);
        EXPECT_EQ(table->find(there, "one")->state, further);
        EXPECT_EQ(table->find(there, "other")->state, sample("other"));
        EXPECT_EQ(open(env)->all().size(), 2u) << "the stale one is erased";
    }
}

TEST(delivery_table_test, a_first_claims_tail_and_a_verdict_are_kept) {
    memory_world env;
    auto state = sample("one");
    state.memory.claimed = false;
    state.memory.first_tail = 0;
    state.lost = true;
    state.lost_reason = "another writer has fenced it";
    state.continued_as = "one~0123abcd";
    open(env)->add(state);
    const auto table = open(env);
    const auto* found = table->find(there, "one");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->state.memory.first_tail, 0u) << "0 is a tail, not an absence";
    EXPECT_TRUE(found->state.lost);
    EXPECT_EQ(found->state.continued_as, "one~0123abcd");
}

TEST(delivery_table_test, whatever_changes_is_in_the_text_that_is_stored_next) {
    const std::function<void(delivery_state&)> changes[] = {
        [](auto& state) { state.memory.durable = 0; },
        [](auto& state) { state.durable_seq = 8; },
        [](auto& state) { state.trusted_seq = 18'000'000'000'000'000'000ull; },
        [](auto& state) { state.sent_seq = 10; },
        [](auto& state) { state.durable_seq = state.trusted_seq; },
        [](auto& state) { state.trusted_seq = 0; },
        [](auto& state) { state.own_records.pop_back(); },
        [](auto& state) { state.own_records.front().covers_to = 6; },
        [](auto& state) {
            state.own_records = {announcement("one", 9, {"an id", continuation_reason::storage, 5})};
        },
        [](auto& state) { state.own_records.clear(); },
        [](auto& state) { state.memory.tokens = {"t1"}; },
        [](auto& state) { state.memory.claimed = false; },
        [](auto& state) { state.memory.first_tail = 7; },
        [](auto& state) { state.memory.first_tail.reset(); },
        [](auto& state) { state.memory.empty_claim = true; },
        [](auto& state) { state.from_seq = 4; },
        [](auto& state) { state.at.basin = "basin-two"; },
        [](auto& state) { state.stream = "two"; },
        [](auto& state) {
            state.lost = true;
            state.lost_reason = "why";
            state.continued_as = "three";
        },
        [](auto& state) { state.continued_as = "four"; },
    };
    memory_world env;
    const auto table = open(env);
    auto* entry = table->add(sample("one"));
    for (const auto& change : changes) {
        const auto before = entry->state;
        change(entry->state);
        EXPECT_NE(entry->state, before) << "a change that is none shows nothing";
        ASSERT_TRUE(table->store(*entry));
        auto stored = open(env)->all().at(0)->state;
        stored.trusted_seq = entry->state.trusted_seq; // stored only where it says more
        EXPECT_EQ(to_json_text(stored), to_json_text(entry->state));
        EXPECT_EQ(stored, entry->state) << to_json_text(stored);
    }
}

TEST(delivery_table_test, one_name_at_two_places_is_two_streams) {
    memory_world env;
    const auto table = open(env);
    table->add(sample("one"));
    auto other = sample("one");
    other.at.basin = "basin-two";
    table->add(other);
    EXPECT_NE(table->find(there, "one"), table->find(other.at, "one"));
    EXPECT_EQ(table->find(there, "two"), nullptr);
}

TEST(delivery_table_test, is_bounded_and_takes_again_what_was_given_up) {
    memory_world env;
    const auto table = open(env);
    for (std::size_t i = 0; i < deliveries_max; ++i)
        ASSERT_TRUE(table->add(sample(std::to_string(i))));
    EXPECT_EQ(table->add(sample("one more")), nullptr);
    table->remove(*table->find(there, "17"));
    EXPECT_TRUE(table->add(sample("one more")));
    EXPECT_EQ(open(env)->all().size(), deliveries_max);
}

std::string session_id(std::size_t number) {
    const auto digits = std::to_string(number);
    return "aaaaaaaa-0000-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

// Each with as many announcements and told gaps as it takes, then with all that may still come to it.
TEST(delivery_table_test, a_state_that_took_all_that_it_had_room_for_never_outgrows_its_slot) {
    for (const std::string& name : {std::string("one"), std::string(512, 's'), std::string(512, '\x01')}) {
        memory_world env;
        const auto table = open(env);
        auto state = sample(name);
        state.at.basin_endpoint = std::string(512, 'e');
        state.at.account_endpoint = state.at.basin_endpoint;
        state.own_records.clear();
        auto* entry = table->add(state);
        ASSERT_TRUE(entry);
        auto& own = entry->state.own_records;
        std::size_t announced = 0;
        for (;; ++announced) {
            auto next =
                announcement(name, 1000 + announced,
                             {session_id(announced), continuation_reason::storage, 1'700'000'000'000'000});
            if (!has_room_for(next, entry->state))
                break;
            own.push_back(std::move(next));
        }
        EXPECT_GE(announced, name == "one" ? announced_parts_max : 1u);
        std::size_t told = 0;
        for (;; ++told) {
            own_record gap{
                1, 1,
                events_dropped_envelope(session_id(told), {1, ~seq_t{0}, gap_reason::machine_crash}, 1)};
            if (!has_room_for(gap, entry->state))
                break;
            own.push_back(std::move(gap));
        }
        EXPECT_GE(told, name == "one" ? own_records_max : 4u) << "announcements leave them room";
        EXPECT_TRUE(storable(entry->state));
        entry->state.memory.tokens.assign(s2::own_tokens_max, std::string(s2::fencing_token_bytes_max, 't'));
        entry->state.sent_seq = entry->state.memory.durable = entry->state.trusted_seq = ~seq_t{0};
        entry->state.lost = true;
        entry->state.lost_reason = std::string(256, 'r');
        entry->state.continued_as = name.substr(0, 503) + "~01234567";
        EXPECT_TRUE(table->store(*entry));
        const auto again = open(env);
        const auto* found = again->find(state.at, name);
        ASSERT_TRUE(found);
        ASSERT_EQ(found->state.own_records.size(), own.size());
        for (std::size_t i = 0; i < own.size(); ++i)
            EXPECT_EQ(found->state.own_records[i].line, own[i].line);
    }
}

TEST(delivery_table_test, a_state_too_large_is_refused_and_never_stored) {
    memory_world env;
    const auto table = open(env);
    auto state = sample("one");
    state.at.basin_endpoint = std::string(20'000, 'e');
    EXPECT_EQ(table->add(state), nullptr);
    auto* entry = table->add(sample("one"));
    ASSERT_TRUE(entry);
    entry->state.own_records.assign(60, {1, 1, std::string(400, 'e')});
    EXPECT_FALSE(table->store(*entry));
    EXPECT_EQ(open(env)->find(there, "one")->state.own_records.size(), 2u) << "what was stored stays";
}

// The first format kept whole lines: so many that nothing more fitted.
TEST(delivery_table_test, a_slot_of_the_first_format_that_was_full_is_taken_over) {
    memory_world env;
    std::string records;
    std::string value;
    std::size_t count = 0;
    for (std::string fits;; ++count) {
        const auto line = session_continued_envelope(session_id(count), "stream", 1000 + count,
                                                     continuation_reason::storage, 1'700'000'000'000'000);
        const boost::json::array one{1000 + count, 0, line};
        records += (count == 0 ? "" : ",") + boost::json::serialize(one);
        fits =
            R"({"basin":"basin-one","account_endpoint":"https://a","basin_endpoint":"https://{basin}.b",)"
            R"("stream":"stream","tokens":["t0"],"claimed":false,"empty_claim":false,"durable":0,"from_seq":1,)"
            R"("durable_seq":0,"sent_seq":0,"own_records":[)" +
            records + "]}";
        if (fits.size() > delivery_value_bytes_max)
            break;
        value = fits;
    }
    ASSERT_GT(count, announced_parts_max);
    (*slot_file::open(env, "/state/streams", deliveries_of_format_1, delivery_value_bytes_max))
        ->write(255, value);
    const auto table = open(env);
    EXPECT_TRUE(table->damaged().empty());
    auto* found = table->find(there, "stream");
    ASSERT_TRUE(found);
    const auto& own = found->state.own_records;
    ASSERT_EQ(own.size(), count);
    EXPECT_EQ(own.back().line,
              session_continued_envelope(session_id(count - 1), "stream", 999 + count,
                                         continuation_reason::storage, 1'700'000'000'000'000));
    EXPECT_TRUE(storable(found->state)) << "the next start adds a token";
    EXPECT_TRUE(has_room_for({1, 1, std::string(300, 'e')}, found->state)) << "a gap can be told";
    EXPECT_FALSE(has_room_for(announcement("stream", 1, {session_id(1)}), found->state));
}

TEST(delivery_table_test, a_lost_stream_that_goes_on_nowhere_or_in_itself_is_damage) {
    for (const char* next : {"", "one"}) {
        memory_world env;
        auto state = sample("one");
        state.lost = true;
        state.continued_as = next;
        open(env)->add(state);
        EXPECT_EQ(open(env)->damaged().size(), 1u);
    }
}

TEST(delivery_table_test, the_largest_state_fits_its_slot) {
    memory_world env;
    auto state = sample(std::string(s2::stream_name_bytes_max, 's'));
    state.memory.tokens.assign(s2::own_tokens_max, std::string(s2::fencing_token_bytes_max, 't'));
    state.own_records.assign(own_records_max, {1, 1, std::string(450, 'e')});
    EXPECT_TRUE(open(env)->add(state));
    EXPECT_TRUE(open(env)->find(there, state.stream));
}

TEST(seq_ceiling_test, is_reserved_ahead_and_survives) {
    memory_world env;
    {
        const auto ceiling = std::move(*seq_ceiling::open(env, "/state"));
        EXPECT_EQ(ceiling->stored(), 0u);
        EXPECT_FALSE(ceiling->reserve_behind(41));
        EXPECT_EQ(ceiling->stored(), 41 + seq_block);
    }
    const auto again = std::move(*seq_ceiling::open(env, "/state"));
    EXPECT_EQ(again->stored(), 41 + seq_block);
}

} // namespace
} // namespace agent::test
