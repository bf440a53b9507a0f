#include "s2/reading.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <ostream>

namespace s2 {
namespace {

constexpr std::uint64_t step_records = 100; // looked at per step back

using kind = read_verdict::kind;

// What may stand in a range without showing another writer.
struct range_rules {
    enum class ours { all, behind_own_fence, none };
    ours must_be_ours; // which of its records
    bool commands;     // fences of ours and trims; batches hold none
    bool may_be_gone;  // what is gone shows nothing
    bool proves_claim; // a position that has been judged is remembered
};

constexpr range_rules rules_of(reading::purpose what) {
    using enum range_rules::ours;
    switch (what) {
    case reading::purpose::recover:
        return {all, true, false, true};
    case reading::purpose::look_below:
        return {none, true, true, false};
    case reading::purpose::recover_first:
        return {behind_own_fence, true, false, true};
    case reading::purpose::compare:
        return {all, false, false, true};
    case reading::purpose::assess:
        return {all, true, false, false};
    case reading::purpose::find_fence: // it is one record, whose only question is whether it is that fence
        break;
    }
    return {none, true, false, false};
}

read_verdict foreign(std::string why) {
    return {kind::foreign, std::move(why)};
}

} // namespace

std::ostream& operator<<(std::ostream& out, const read_verdict& verdict) {
    constexpr std::string_view names[] = {"go_on", "judged", "fenced", "taken", "foreign"};
    return out << names[static_cast<std::size_t>(verdict.what)] << " " << verdict.why;
}

reading reading::below(std::uint64_t end) {
    return {purpose::look_below, end - std::min(end, step_records), end};
}

read_verdict reading::step_back() {
    to_ -= std::min(to_, step_records);
    from_ = to_ - std::min(to_, step_records);
    return {older_seen_ || older_gone_ || empty() ? kind::judged : kind::go_on};
}

bool reading::all_is_ours() const {
    using enum range_rules::ours;
    const auto which = rules_of(purpose_).must_be_ours;
    return which == all || (which == behind_own_fence && own_fence_seen_);
}

std::optional<std::uint64_t> reading::judged_to() const {
    return rules_of(purpose_).proves_claim && all_is_ours() ? std::optional(from_) : std::nullopt;
}

read_verdict reading::on_page(std::span<const sequenced_record> records, std::span<const std::string> tokens,
                              record_judge& judge) {
    NET_ASSERT(!empty(), "a page of records comes only where something is to be read");
    const bool gap = records.empty() || records.front().seq_num != from_;
    if (gap && !rules_of(purpose_).may_be_gone)
        return foreign("records that had to be read are gone (trimmed or expired)");
    older_gone_ = older_gone_ || gap;
    for (const auto& record : records) {
        if (record.seq_num >= to_)
            break;
        auto verdict = judge_record(record, tokens, judge);
        if (verdict.what != kind::go_on)
            return verdict;
        from_ = record.seq_num + 1;
    }
    if (!records.empty() && records.back().seq_num + 1 < to_)
        return {};
    return purpose_ == purpose::look_below ? step_back() : read_verdict{kind::judged};
}

read_verdict reading::judge_record(const sequenced_record& record, std::span<const std::string> tokens,
                                   record_judge& judge) {
    if (purpose_ == purpose::find_fence)
        return {fence_of(record) == tokens.back() ? kind::fenced : kind::taken};
    if (is_command(record)) {
        // Not even a fence under our token is ours among batches, but that of a copy of this agent.
        if (!rules_of(purpose_).commands)
            return foreign("another writer's command stands at " + std::to_string(record.seq_num));
        return judge_fence(fence_of(record), tokens);
    }
    if (all_is_ours())
        return judge.is_ours(record)
                   ? read_verdict{}
                   : foreign("another writer's record stands at " + std::to_string(record.seq_num));
    older_seen_ = older_seen_ || judge.predates_ours(record);
    return judge.shows_another_writer(record) ? foreign("another writer has written this session there")
                                              : read_verdict{};
}

read_verdict reading::judge_fence(const std::optional<std::string>& token,
                                  std::span<const std::string> tokens) {
    const bool trim = !token;
    const bool own = !trim && std::find(tokens.begin(), tokens.end(), *token) != tokens.end();
    if (!trim && !own && all_is_ours())
        return foreign("another writer has fenced it");
    own_fence_seen_ = own_fence_seen_ || own;
    return {};
}

read_verdict reading::on_gone(bool trimmed) const {
    if (trimmed && rules_of(purpose_).may_be_gone)
        return {kind::judged};
    return foreign("records that had to be read are gone");
}

} // namespace s2
