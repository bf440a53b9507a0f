// Rules of the writer that no longer story of a claim or a batch shows by itself, each alone.
#include "tests/unit/s2/writer_kit.hpp"

namespace s2::test {
namespace {

using writer_rules = writer_test;

// Fenced at `position`, with the claim to be recorded or read back.
void fence_at(writer& one, std::uint64_t position) {
    one.on_tail(position);
    one.on_stored();
    one.on_fenced(position);
}

const error out_of_range = error::from_response(416, R"({"tail":{"seq_num":1,"timestamp":1}})");

// --- the claim

TEST_F(writer_rules, a_known_stream_is_fenced_under_the_token_that_was_acknowledged) {
    writer one = known(5, {"t0", "ta", "tb"});
    one.on_tail(6);
    one.on_stored();
    expect_fence(one, 6, "t0");
}

TEST_F(writer_rules, a_claim_never_recorded_is_made_again_without_a_condition) {
    writer_memory memory;
    memory.tokens = {"t0"};
    memory.first_tail = 2;
    writer one(memory, "t1", judge);
    one.on_tail(6);
    one.on_stored();
    expect_fence(one, 6, std::nullopt);
}

TEST_F(writer_rules, a_claim_that_is_recorded_forgets_how_it_began) {
    writer one = fresh();
    fence_at(one, 0);
    EXPECT_EQ(one.memory(), (writer_memory{{"t1"}, true, std::nullopt, 1, false}));
    writer_memory continuation;
    continuation.empty_claim = true;
    writer other(continuation, "t1", judge);
    other.on_stored();
    other.on_fenced(0);
    EXPECT_EQ(other.memory(), (writer_memory{{"t1"}, true, std::nullopt, 1, false}));
}

TEST_F(writer_rules, a_stream_created_under_us_has_nothing_from_before_us) {
    writer one = fresh();
    one.on_tail(3);
    one.on_stored();
    EXPECT_EQ(one.on_failure(api(404, "stream_not_found")), pause::none);
    expect(one, kind::create_stream);
    one.on_created();
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().first_tail, 0u);
    one.on_stored();
    expect_fence(one, 0, std::nullopt);
}

TEST_F(writer_rules, a_stream_shorter_than_at_the_first_try_was_made_anew) {
    writer one = fresh();
    one.on_tail(5);
    one.on_stored();
    EXPECT_EQ(one.on_failure(seq_mismatch(2)), pause::none);
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().first_tail, 2u);
    one.on_stored();
    expect_fence(one, 2, std::nullopt);
}

TEST_F(writer_rules, a_stream_longer_than_at_the_first_try_leaves_that_as_it_was) {
    writer one = fresh();
    one.on_tail(5);
    one.on_stored();
    EXPECT_EQ(one.on_failure(seq_mismatch(7)), pause::none);
    EXPECT_EQ(one.memory().first_tail, 5u);
    expect_fence(one, 7, std::nullopt);
}

// A try that provably did nothing leaves no fence behind: who stands there under our token is a copy of us.
TEST_F(writer_rules, a_fence_refused_without_effect_is_not_on_its_way) {
    for (const auto& harmless :
         {api(429, "rate_limited"), error::from_transport(net::error::going_away, false)}) {
        writer one = known(5);
        one.on_tail(5);
        one.on_stored();
        EXPECT_EQ(one.on_failure(harmless), pause::back_off);
        one.on_failure(token_mismatch("t1"));
        expect(one, kind::read);
        one.on_page({});
        expect(one, kind::lost);
    }
}

TEST_F(writer_rules, a_stream_being_deleted_takes_no_fence) {
    writer one = fresh();
    one.on_tail(0);
    one.on_stored();
    EXPECT_EQ(one.on_failure(api(409, "stream_deletion_pending")), pause::back_off);
    one.on_failure(seq_mismatch(1));
    expect_fence(one, 1, std::nullopt);
}

TEST_F(writer_rules, a_fence_whose_place_is_taken_is_not_on_its_way_any_more) {
    writer one = fresh();
    one.on_tail(0);
    one.on_stored();
    one.on_failure(lost_connection());
    one.on_failure(seq_mismatch(1));
    one.on_page({data(0, "somebody's")});
    one.on_failure(token_mismatch("t1"));
    expect(one, kind::lost);
}

TEST_F(writer_rules, every_eighth_mismatch_of_a_fence_waits) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    for (std::uint64_t n = 1; n <= 24; ++n)
        EXPECT_EQ(one.on_failure(seq_mismatch(5 + n)), n % 8 == 0 ? pause::back_off : pause::none) << n;
}

TEST_F(writer_rules, while_claiming_what_is_unknown_is_tried_again) {
    writer one = fresh();
    EXPECT_EQ(one.on_failure(api(500, "other")), pause::back_off);
    expect(one, kind::check_tail);
    one.on_tail(0);
    one.on_stored();
    one.on_failure(api(404, "stream_not_found"));
    EXPECT_EQ(one.on_failure(api(503, "unavailable")), pause::back_off);
    expect(one, kind::create_stream);
}

// --- reading back

TEST_F(writer_rules, an_own_fence_from_before_the_first_try_proves_nothing_behind_it) {
    writer_memory cut_off;
    cut_off.tokens = {"t0"};
    cut_off.first_tail = 1;
    writer one(cut_off, "t1", judge);
    fence_at(one, 3);
    expect_read(one, 0, 1);
    one.on_page({fence(0, "t0")});
    expect_read(one, 1, 3);
    one.on_page({data(1, "a stranger's"), data(2, "another stranger's")});
    expect(one, kind::store_memory);
}

TEST_F(writer_rules, a_trim_among_ours_is_nobodys_record) {
    writer one = known(5);
    fence_at(one, 7);
    judge.ours = {"a"};
    one.on_page({sequenced_record{5, 1, {{"", "trim"}}, std::string(8, '\0')}, data(6, "a")});
    expect(one, kind::store_memory);
    EXPECT_TRUE(judge.ours.empty());
}

TEST_F(writer_rules, a_fence_of_anothers_among_ours_is_another_writer) {
    writer one = known(5);
    fence_at(one, 7);
    judge.ours = {"a", "b"};
    one.on_page({data(5, "a"), fence(6, "foreign")});
    expect(one, kind::lost);
    EXPECT_NE(one.lost_reason().find("fenced"), std::string::npos);
}

TEST_F(writer_rules, what_lies_behind_the_range_is_not_judged) {
    writer one = known(5);
    fence_at(one, 6);
    judge.ours = {"a"};
    one.on_page({data(5, "a"), data(6, "not asked for")});
    expect(one, kind::store_memory);
}

TEST_F(writer_rules, what_is_trimmed_away_below_a_first_claim_shows_nobody) {
    writer one = fresh();
    fence_at(one, 7);
    expect_read(one, 0, 7);
    EXPECT_EQ(one.on_failure(out_of_range), pause::none);
    expect(one, kind::store_memory);
}

TEST_F(writer_rules, what_is_trimmed_away_where_ours_may_lie_is_lost) {
    writer one = known(5);
    fence_at(one, 7);
    EXPECT_EQ(one.on_failure(out_of_range), pause::none);
    expect(one, kind::lost);
}

TEST_F(writer_rules, a_stream_that_goes_while_it_is_read_back_is_lost) {
    for (const auto& failure : {api(404, "stream_not_found"), api(409, "stream_deletion_pending")}) {
        writer one = known(5);
        fence_at(one, 7);
        EXPECT_EQ(one.on_failure(failure), pause::none);
        expect(one, kind::lost);
    }
}

// --- endings

TEST_F(writer_rules, an_abort_is_told_apart_from_a_failure_at_every_step) {
    const auto aborted = error::from_transport(boost::asio::error::operation_aborted, true);
    writer at_the_tail = fresh();
    EXPECT_EQ(at_the_tail.on_failure(aborted), pause::cancelled);
    writer fencing = known(5);
    fencing.on_tail(5);
    fencing.on_stored();
    EXPECT_EQ(fencing.on_failure(aborted), pause::cancelled);
    writer reading = known(5);
    fence_at(reading, 7);
    EXPECT_EQ(reading.on_failure(aborted), pause::cancelled);
    writer sending = with_two_out();
    EXPECT_EQ(sending.on_failure(aborted), pause::cancelled);
}

TEST_F(writer_rules, lost_is_final) {
    writer one = known(5);
    one.on_tail(4);
    const auto reason = one.lost_reason();
    EXPECT_EQ(one.on_failure(lost_connection()), pause::none);
    EXPECT_EQ(one.on_failure(api(401, "authn")), pause::none);
    expect(one, kind::lost);
    EXPECT_EQ(one.lost_reason(), reason);
}

TEST_F(writer_rules, a_412_that_contradicts_itself_is_asked_again) {
    writer one = with_two_out();
    EXPECT_EQ(one.on_failure(seq_mismatch(1)), pause::back_off);
    expect(one, kind::open);
    EXPECT_EQ(one.out().batches().size(), 2u);
}

TEST_F(writer_rules, the_stream_deleted_while_appending_is_lost) {
    writer one = with_two_out();
    EXPECT_EQ(one.on_failure(api(409, "stream_deletion_pending")), pause::none);
    expect(one, kind::lost);
}

TEST_F(writer_rules, who_is_fenced_out_says_so_whatever_it_finds_then) {
    for (const auto& [token, word] : {std::pair("other", "fenced"), {"", "cleared"}}) {
        writer by_record = with_two_out();
        by_record.on_failure(token_mismatch(token));
        by_record.on_page({data(1, "somebody's")});
        expect(by_record, kind::lost);
        EXPECT_NE(by_record.lost_reason().find(word), std::string::npos) << by_record.lost_reason();
        writer by_gap = with_two_out();
        by_gap.on_failure(token_mismatch(token));
        by_gap.on_page({});
        expect(by_gap, kind::lost);
        EXPECT_NE(by_gap.lost_reason().find(word), std::string::npos) << by_gap.lost_reason();
    }
}

TEST_F(writer_rules, only_an_open_session_is_closed) {
    writer idle = appending();
    idle.out().close_session();
    expect(idle, kind::ready);
    writer one = with_two_out();
    one.out().close_session();
    one.out().on_half_closed();
    one.out().close_session();
    expect(one, kind::ready);
}

} // namespace
} // namespace s2::test
