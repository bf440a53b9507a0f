#include "tests/sim/ledger.hpp"

#include <algorithm>
#include <charconv>

namespace sim {
namespace {

constexpr std::string_view number_member = R"("data":{"n":)";
constexpr std::string_view event_member = R"(,"event":)";

} // namespace

std::uint64_t ledger::make(std::size_t data_bytes, std::size_t agent, net::wall_micros ts,
                           net::time_point now) {
    const std::uint64_t number = events_.size();
    sent_event made;
    made.text =
        R"({"ts":)" + std::to_string(ts) +
        R"(,"type":"console.log","category":"console","source":{"kind":"local_process"},"data":{"n":)" +
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

bool ledger::covered_by_drop(const sent_event& event) const {
    return event.seq && std::any_of(dropped.begin(), dropped.end(), [&](const dropped_range& range) {
               return range.from <= *event.seq && *event.seq <= range.to;
           });
}

} // namespace sim
