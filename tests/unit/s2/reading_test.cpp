// What a record, a fence and a gap mean in a range that is read back: for each purpose, one table.
#include "tests/unit/s2/writer_kit.hpp"

namespace s2::test {
namespace {

using purpose = reading::purpose;
using found = read_verdict::kind;

constexpr purpose all_purposes[] = {purpose::find_fence,    purpose::recover, purpose::look_below,
                                    purpose::recover_first, purpose::compare, purpose::assess};

struct reading_test : testing::Test {
    scripted_judge judge;
    std::vector<std::string> tokens = {"t0", "t1"};

    read_verdict after(purpose what, const std::vector<sequenced_record>& records) {
        reading range(what, 5, 8);
        return range.on_page(records, tokens, judge);
    }
};

TEST_F(reading_test, what_one_record_shows_for_each_purpose) {
    const read_verdict go_on, fenced{found::fenced}, taken{found::taken};
    const read_verdict foreign_record{found::foreign, "another writer's record stands at 5"};
    const read_verdict foreign_fence{found::foreign, "another writer has fenced it"};
    const read_verdict command{found::foreign, "another writer's command stands at 5"};
    const read_verdict theirs{found::foreign, "another writer has written this session there"};
    const sequenced_record trim{5, 1, {{"", "trim"}}, std::string(8, '\0')};

    const struct {
        sequenced_record record;
        read_verdict verdicts[6]; // find_fence, recover, look_below, recover_first, compare, assess
    } rows[] = {
        {data(5, "ours"), {taken, go_on, go_on, go_on, go_on, go_on}},
        {data(5, "somebody's"), {taken, foreign_record, go_on, go_on, foreign_record, foreign_record}},
        {data(5, "theirs"), {taken, foreign_record, theirs, theirs, foreign_record, foreign_record}},
        {fence(5, "t1"), {fenced, go_on, go_on, go_on, command, go_on}},
        {fence(5, "t0"), {taken, go_on, go_on, go_on, command, go_on}},
        {fence(5, "other"), {taken, foreign_fence, go_on, go_on, command, foreign_fence}},
        {trim, {taken, go_on, go_on, go_on, command, go_on}},
    };

    for (const auto& row : rows)
        for (std::size_t i = 0; i < std::size(all_purposes); ++i) {
            judge.ours = {"ours"};
            EXPECT_EQ(after(all_purposes[i], {row.record}), row.verdicts[i]) << row.record.body << " " << i;
        }
}

TEST_F(reading_test, behind_an_own_fence_a_first_claim_is_judged_like_any) {
    judge.ours = {"ours"};
    EXPECT_EQ(after(purpose::recover_first, {fence(5, "t0"), data(6, "ours")}), read_verdict{});
    EXPECT_EQ(after(purpose::recover_first, {fence(5, "t0"), data(6, "somebody's")}).what, found::foreign);
    EXPECT_EQ(after(purpose::recover_first, {fence(5, "t0"), fence(6, "other")}).what, found::foreign);
    EXPECT_EQ(after(purpose::look_below, {fence(5, "t0"), data(6, "somebody's")}).what, found::go_on);
}

TEST_F(reading_test, what_is_gone_is_another_writers_but_where_nothing_of_ours_can_be) {
    for (const auto what : all_purposes) {
        const bool may_be = what == purpose::look_below;
        EXPECT_EQ(after(what, {}).what, may_be ? found::judged : found::foreign);
        EXPECT_EQ(reading(what, 5, 8).on_gone(true).what, may_be ? found::judged : found::foreign);
        EXPECT_EQ(reading(what, 5, 8).on_gone(false).what, found::foreign) << "the stream itself is gone";
    }
    EXPECT_EQ(after(purpose::recover, {data(6, "ours")}).what, found::foreign) << "the first is missing";
}

TEST_F(reading_test, a_range_is_judged_at_its_end_and_what_lies_behind_it_is_none_of_its_business) {
    for (const auto what : {purpose::recover, purpose::recover_first, purpose::compare, purpose::assess}) {
        judge.ours = {"a", "b", "c"};
        EXPECT_EQ(after(what, {data(5, "a"), data(6, "b"), data(7, "c"), data(8, "somebody's")}),
                  read_verdict{found::judged});
    }
}

TEST_F(reading_test, a_position_is_remembered_only_where_what_was_judged_is_ours) {
    judge.ours = {"a", "a", "a", "a", "a", "a"};
    for (const auto what : all_purposes) {
        reading range(what, 5, 8);
        range.on_page({{data(5, "a")}}, tokens, judge);
        const bool proves = what == purpose::recover || what == purpose::compare;
        EXPECT_EQ(range.judged_to(), proves ? std::optional<std::uint64_t>(6) : std::nullopt);
    }
    reading first(purpose::recover_first, 5, 8);
    first.on_page({{fence(5, "t0"), data(6, "a")}}, tokens, judge);
    EXPECT_EQ(first.judged_to(), 7u);
}

TEST_F(reading_test, it_steps_back_until_something_older_than_ours_is_seen) {
    reading range = reading::below(150);
    EXPECT_EQ(range.from(), 50u);
    std::vector<sequenced_record> page;
    for (std::uint64_t seq = 50; seq < 150; ++seq)
        page.push_back(data(seq, "somebody's"));
    EXPECT_EQ(range.on_page(page, tokens, judge), read_verdict{});
    EXPECT_EQ(range.from(), 0u);
    EXPECT_EQ(range.to(), 50u);
    page.resize(50);
    for (std::uint64_t seq = 0; seq < 50; ++seq)
        page[seq].seq_num = seq;
    EXPECT_EQ(range.on_page(page, tokens, judge), read_verdict{found::judged}) << "the beginning";
    reading again = reading::below(150);
    page.assign(1, data(50, "older"));
    for (std::uint64_t seq = 51; seq < 150; ++seq)
        page.push_back(data(seq, "somebody's"));
    EXPECT_EQ(again.on_page(page, tokens, judge), read_verdict{found::judged}) << "something older";
    EXPECT_TRUE(reading::below(0).empty());
}

} // namespace
} // namespace s2::test
