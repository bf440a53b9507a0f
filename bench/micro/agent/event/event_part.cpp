// From lines to valid events.

#include "agent/event/line_splitter.hpp"
#include "agent/event/scan.hpp"
#include "bench/micro/kit.hpp"
#include "bench/micro/part.hpp"

#include <algorithm>
#include <cstring>

namespace bench {
namespace {

constexpr std::size_t read_bytes = 64 * 1024; // at a time from standard input

work split() {
    agent::line_splitter lines;
    auto left = generated_text();
    std::uint64_t events = 0;
    while (!left.empty()) {
        const auto count = std::min(left.size(), read_bytes);
        std::memcpy(lines.prepare(read_bytes).data(), left.data(), count);
        lines.commit(count);
        left.remove_prefix(count);
        for (auto next = lines.next(); std::holds_alternative<agent::input_line>(next); next = lines.next())
            ++events;
    }
    must(events == generated_events().size(), "every line was found");
    return {events, generated_text().size()};
}

work scan() {
    const auto& lines = generated_events();
    bool valid = true;
    for (const auto line : lines) {
        agent::event_scan one(line);
        valid = one.document(agent::event_nesting_max) && valid;
    }
    must(valid, "every event is valid JSON");
    return {lines.size(), bytes_of(lines)};
}

work parse(agent::event_parser& parser, const std::vector<std::string_view>& lines) {
    bool valid = true;
    for (const auto line : lines) {
        const auto outcome = parser.parse(line, agent::event_origin::intake);
        valid = std::holds_alternative<agent::event>(outcome) && valid;
    }
    must(valid, "every event is accepted");
    return {lines.size(), bytes_of(lines)};
}

round_function prepare_split() {
    return split;
}

round_function prepare_scan() {
    return scan;
}

round_function prepare_parse() {
    return [parser = std::make_shared<agent::event_parser>()] { return parse(*parser, generated_events()); };
}

round_function prepare_parse_recorded() {
    return [parser = std::make_shared<agent::event_parser>()] { return parse(*parser, recorded_events()); };
}

const registered_part splitting("event/split", prepare_split);
const registered_part scanning("event/scan", prepare_scan);
const registered_part parsing("event/parse", prepare_parse);
const registered_part parsing_recorded("event/parse_recorded", prepare_parse_recorded);

} // namespace
} // namespace bench
