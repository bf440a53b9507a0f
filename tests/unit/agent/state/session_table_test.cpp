#include "agent/state/session_record_json.hpp"
#include "agent/state/session_table.hpp"
#include "tests/unit/agent/agent_world.hpp"

namespace agent::test {
namespace {

session_record make_record(std::string id, seq_t from, bool active) {
    session_record record;
    record.id = std::move(id);
    record.created_at = 123456789;
    record.active = active;
    record.spans.push_back({from, active ? 0 : from + 9});
    record.parts.push_back({{"basin", "https://a", "https://{basin}.b"}, "stream \"1\"\n", from});
    return record;
}

std::string numbered_id(int n) {
    char text[64];
    std::snprintf(text, sizeof text, "00000000-0000-4000-8000-%012d", n);
    return text;
}

const auto nobody = [](const session_record&) { return false; };
const auto anybody = [](const session_record&) { return true; };

std::unique_ptr<session_table> open_table(agent_world& env, const std::filesystem::path& dir = {}) {
    auto opened = session_table::open(env, dir);
    EXPECT_TRUE(opened);
    return std::move(*opened);
}

TEST(session_table, every_member_survives_the_agent) {
    agent_world env;
    scratch_dir dir;
    {
        auto table = open_table(env, dir.path);
        const auto* added = table->add(make_record(id_one, 5, true), nobody);
        ASSERT_TRUE(added);
        EXPECT_EQ(added->number, 1u);
        table->update(1, [](session_record& record) {
            record.categories = category_set{}.set(static_cast<std::size_t>(category::network));
            record.parts.push_back({{}, "second", 9});
            record.parts.push_back({record.parts.front().at, "third", ~seq_t{0}});
            record.gone = {7, 5, 2};
            record.last_gone = {~std::uint64_t{0}, 9, {3, 2, 1}};
            record.gone_to = 11;
        });
    }
    auto table = open_table(env, dir.path);
    const auto* found = table->find(id_one);
    ASSERT_TRUE(found);
    EXPECT_EQ(table->active(), found);
    EXPECT_EQ(table->find(1u), found);
    EXPECT_EQ(found->created_at, 123456789);
    EXPECT_EQ(found->categories.count(), 1u);
    EXPECT_TRUE(contains(found->categories, category::network));
    ASSERT_EQ(found->parts.size(), 3u);
    EXPECT_EQ(found->parts[0].at.basin_endpoint, "https://{basin}.b");
    EXPECT_EQ(found->parts[0].stream, "stream \"1\"\n");
    EXPECT_TRUE(found->parts[1].at.embedded());
    EXPECT_EQ(found->parts[2].at, found->parts[0].at);
    EXPECT_EQ(found->parts[2].from_seq, ~seq_t{0});
    EXPECT_EQ(found->gone, (event_counts{7, 5, 2}));
    EXPECT_EQ(found->last_gone, (segment_fold{~std::uint64_t{0}, 9, {3, 2, 1}}));
    EXPECT_EQ(found->gone_to, 11u);
    EXPECT_EQ(found->whole_to, 0u);
    EXPECT_TRUE(found->holds(5));
    EXPECT_TRUE(found->holds(1000));
    EXPECT_FALSE(found->holds(4));
}

// As replay does while the agent runs: also where a start reached the slots before the earlier one's end.
TEST(session_table, reading_changes_nothing_on_the_disk) {
    agent_world env;
    scratch_dir dir;
    {
        auto table = open_table(env, dir.path);
        table->add(make_record(id_one, 5, true), nobody);
    }
    std::string first = *env.disk.read_all(dir.path / "sessions", 64 << 20);
    {
        auto table = open_table(env, dir.path);
        table->update(1, [](session_record& record) { record.active = false; });
        auto second = make_record(numbered_id(2), 20, true);
        table->add(second, nobody);
    }
    const auto sectors = first.size() / sessions_max / 512 * 512; // the first slot is as it was
    std::string both = *env.disk.read_all(dir.path / "sessions", 64 << 20);
    std::copy_n(first.begin() + 4096, sectors, both.begin() + 4096);
    ASSERT_FALSE(env.disk.replace(dir.path / "sessions", both, 0600));

    const auto table = session_table::open_to_read(env, dir.path);
    ASSERT_TRUE(table);
    ASSERT_EQ((*table)->all().size(), 2u);
    EXPECT_FALSE((*table)->find(id_one)->active);
    EXPECT_EQ((*table)->active(), (*table)->find(numbered_id(2)));
    EXPECT_TRUE(*env.disk.read_all(dir.path / "sessions", 64 << 20) == both);
    EXPECT_FALSE(session_table::open_to_read(env, dir.path / "none"));
    EXPECT_FALSE(env.disk.exists(dir.path / "none"));
}

TEST(session_table, a_reopened_session_is_the_latest_and_pointers_stay) {
    agent_world env;
    scratch_dir dir;
    {
        auto table = open_table(env, dir.path);
        const auto* first = table->add(make_record(id_one, 1, false), nobody);
        const auto* second = table->add(make_record(id_two, 20, false), nobody);
        EXPECT_EQ(table->latest(), second);
        table->update(first->number, [](session_record& record) {
            record.active = true;
            record.spans.push_back({40, 0});
        });
        EXPECT_EQ(table->latest(), first);
        EXPECT_EQ(table->active(), first);
        EXPECT_EQ(second->id, id_two);
        EXPECT_EQ(table->at_seq(25), second);
        EXPECT_EQ(table->at_seq(5), first);
        EXPECT_EQ(table->at_seq(15), first) << "of nobody: the latest";
    }
    EXPECT_EQ(open_table(env, dir.path)->latest()->id, id_one);
}

TEST(session_table, full_the_oldest_that_may_go_gives_way) {
    agent_world env;
    scratch_dir dir;
    {
        auto table = open_table(env, dir.path);
        for (int n = 1; n <= static_cast<int>(sessions_max); ++n)
            ASSERT_TRUE(table->add(make_record(numbered_id(n), static_cast<seq_t>(n) * 10, false), nobody));
        EXPECT_EQ(table->add(make_record(id_one, 20000, true), nobody), nullptr);
        EXPECT_EQ(table->all().size(), sessions_max);
        const auto not_the_first = [](const session_record& record) { return record.number != 1; };
        const auto* added = table->add(make_record(id_one, 20000, true), not_the_first);
        ASSERT_TRUE(added);
        EXPECT_EQ(added->number, sessions_max + 1);
        EXPECT_TRUE(table->find(1u));
        EXPECT_FALSE(table->find(2u));
        EXPECT_EQ(table->all().size(), sessions_max);
    }
    auto table = open_table(env, dir.path);
    EXPECT_EQ(table->all().size(), sessions_max);
    EXPECT_EQ(table->latest()->id, id_one);
    table->update(table->active()->number, [](session_record& record) { record.active = false; });
    EXPECT_EQ(table->add(make_record(id_two, 30000, true), anybody)->number, sessions_max + 2)
        << "no number twice";
}

// One was stopped and the next started; the machine died when only the second slot was on disk.
TEST(session_table, of_two_active_ones_the_later_goes_on) {
    agent_world env;
    scratch_dir dir;
    {
        auto table = open_table(env, dir.path);
        table->add(make_record(id_one, 5, true), nobody);
        table->update(1, [](session_record& record) { record.active = false; });
        table->add(make_record(id_two, 20, true), nobody);
        auto slots = slot_file::open(env, dir.path / "sessions", sessions_max, session_stored_bytes_max);
        ASSERT_TRUE(slots);
        auto lost = *table->find(1u);
        lost.active = true;
        lost.spans.back().to_seq = 0;
        (*slots)->write(0, to_json_text(lost));
    }
    for (int start = 0; start < 2; ++start) {
        auto table = open_table(env, dir.path);
        ASSERT_TRUE(table->active());
        EXPECT_EQ(table->active()->id, id_two);
        EXPECT_FALSE(table->find(1u)->active);
        EXPECT_EQ(table->find(1u)->spans.back().to_seq, 19u);
        EXPECT_EQ(table->at_seq(19)->id, id_one);
        EXPECT_EQ(table->at_seq(20)->id, id_two);
    }
}

TEST(session_table, an_unreadable_slot_is_an_error) {
    agent_world env;
    scratch_dir dir;
    open_table(env, dir.path)->add(make_record(id_one, 1, false), nobody);
    {
        auto slots = slot_file::open(env, dir.path / "sessions", sessions_max, session_stored_bytes_max);
        ASSERT_TRUE(slots);
        (*slots)->write(3, R"({"number":"x"})");
    }
    const auto opened = session_table::open(env, dir.path);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), make_error_code(net::error::corrupt));
}

TEST(session_table, the_largest_numbers_of_spans_and_parts_are_storable) {
    auto record = make_record(id_one, 1, true);
    record.spans.assign(session_spans_max, {~seq_t{0} - 1, ~seq_t{0}});
    record.parts.assign(session_parts_max,
                        {{std::string(48, 'b'), std::string(255, 'a'), std::string(255, 'c')},
                         std::string(512, 's'),
                         ~seq_t{0}});
    EXPECT_TRUE(session_table::storable(record));
    record.spans.push_back({1, 2});
    EXPECT_FALSE(session_table::storable(record));
    record.spans.pop_back();
    record.parts[0].stream.assign(session_stored_bytes_max, 's');
    EXPECT_FALSE(session_table::storable(record));
}

} // namespace
} // namespace agent::test
