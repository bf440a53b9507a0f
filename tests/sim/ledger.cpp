#include "tests/sim/ledger.hpp"

#include <algorithm>
#include <charconv>

namespace sim {
namespace {

constexpr std::string_view number_member = R"("data":{"n":)";
constexpr std::string_view event_member = R"(,"event":)";

} // namespace

std::uint64_t ledger::make(std::size_t data_bytes, std::size_t agent, net::wall_micros ts,
                           net::time_point now, std::string_view category) {
    const std::uint64_t number = events_.size();
    sent_event made;
    made.text = R"({"ts":)" + std::to_string(ts) + R"(,"type":"console.log","category":")" +
                std::string(category) + R"(","source":{"kind":"local_process"},"data":{"n":)" +
                std::to_string(number) + R"(,"pad":")" + std::string(data_bytes, 'x') + R"("}})";
    made.taken_by = agent;
    made.sent_at = now;
    bytes_ += made.text.size();
    events_.push_back(std::move(made));
    return number;
}

std::optional<std::uint64_t> ledger::number_of(std::string_view envelope) {
    const auto at = envelope.find(number_member);
    if (at == std::string_view::npos)
        return std::nullopt;
    std::uint64_t number = 0;
    const char* digits = envelope.data() + at + number_member.size();
    const auto parsed = std::from_chars(digits, envelope.data() + envelope.size(), number);
    if (parsed.ec != std::errc())
        return std::nullopt;
    return number;
}

std::string_view ledger::event_of(std::string_view envelope) {
    const auto at = envelope.find(event_member);
    if (at == std::string_view::npos || !envelope.ends_with('}'))
        return {};
    envelope.remove_prefix(at + event_member.size());
    envelope.remove_suffix(1);
    return envelope;
}

ledger::open_range ledger::seqs_of(const sent_event& event) const {
    const auto known = event.seq || event.landed.empty() ? event.seq : event.landed_seq;
    if (known)
        return {*known - 1, *known + 1};
    if (event.seq_min > 0)
        return {event.seq_min - 1, event.seq_max + 1};
    if (!event.written_to)
        return {0, 0};
    const auto& lines = event.written_to->lines;
    const auto landed = [this](const written_line& line) {
        return line.what == written_line::kind::good && !events_[line.number].landed.empty();
    };
    const auto here = lines.begin() + static_cast<std::ptrdiff_t>(event.line);
    const auto next = std::find_if(here, lines.end(), landed);
    const auto last = std::find_if(std::make_reverse_iterator(here), lines.rend(), landed);
    return {last == lines.rend() ? 0 : events_[last->number].landed_seq,
            next == lines.end() ? ~seq_t{0} : events_[next->number].landed_seq};
}

bool ledger::covered_by_drop(const sent_event& event) const {
    const auto seqs = seqs_of(event);
    return std::any_of(dropped.begin(), dropped.end(), [&](const dropped_range& range) {
        return range.from < seqs.below && range.to > seqs.above;
    });
}

bool ledger::dropped_rightly(const sent_event& event) const {
    const auto seqs = seqs_of(event);
    const bool gone = event.gone || std::any_of(left_rings.begin(), left_rings.end(), [&](const auto& each) {
                          return each.torn && each.first < seqs.below && each.last > seqs.above;
                      });
    return std::any_of(dropped.begin(), dropped.end(), [&](const dropped_range& range) {
        return range.from < seqs.below && range.to > seqs.above && (gone || range.reason != "capacity");
    });
}

bool ledger::taken_and_replaced(const sent_event& event) const {
    const auto seqs = seqs_of(event);
    return std::any_of(machine_crashes.begin(), machine_crashes.end(),
                       [&](const auto& crash) {
                           return crash.first == event.taken_by && crash.second >= event.sent_at;
                       }) &&
           std::any_of(events_.begin(), events_.end(), [&](const sent_event& other) {
               return other.taken_by != event.taken_by && !other.landed.empty() &&
                      other.landed_seq + 2 > seqs.above; // the last may be the end of its session
           });
}

} // namespace sim
