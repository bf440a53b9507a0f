#include "tests/sim/checkers/lines_checker.hpp"

#include <boost/json.hpp>

namespace sim {

using kind = written_line::kind;

void lines_checker::wrong(const line_input& input, const std::string& what) const {
    throw verdict(exit_correctness, "a stream of " + std::to_string(input.lines.size()) + " lines: " + what);
}

void lines_checker::settle(const line_input& input, std::string_view status, bool to_the_end,
                           net::time_point now) const {
    const auto parsed = boost::json::parse(status).as_object();
    const auto published = parsed.at("published").to_number<std::uint64_t>();
    const auto refused = parsed.at("refused").to_number<std::uint64_t>();
    std::uint64_t good = 0, bad = 0, filtered = 0, bad_before = 0;
    for (const auto& line : input.lines) {
        good += line.what == kind::good ? 1 : 0;
        bad += line.what == kind::bad ? 1 : 0;
        filtered += line.what == kind::filtered ? 1 : 0;
        if (good < published)
            bad_before = bad;
    }
    const std::string account = std::to_string(good) + " good and " + std::to_string(bad) +
                                " bad ones were written: " + std::string(status);
    // What is cut off where reading stops is refused, whatever it would have been.
    if (published > good || published + refused > good + bad + (to_the_end ? 0 : filtered))
        wrong(input, "more is accounted for than was written: " + account);
    if (to_the_end && published + refused != good + bad)
        wrong(input, "lines are missing: " + account);
    if (may_lack_room_)
        return;
    if (refused < bad_before || (to_the_end && published != good))
        wrong(input, "not those are refused that are bad: " + account);
    std::uint64_t left = published;
    for (const auto& line : input.lines) {
        if (line.what != kind::good || left == 0)
            continue;
        --left;
        auto& event = book_.at(line.number);
        event.what = fate::accepted;
        event.answered_at = now;
    }
}

void lines_checker::expect_order() const {
    for (const auto& input : book_.inputs) {
        seq_t before = 0;
        std::uint64_t missing = 0; // and not told as dropped
        for (const auto& line : input.lines) {
            if (line.what != kind::good)
                continue;
            const auto& event = book_.at(line.number);
            if (event.landed.empty()) {
                const bool told = event.what == fate::refused || book_.dropped_rightly(event);
                missing += told ? 0 : 1;
                continue;
            }
            const seq_t seq = event.landed_seq;
            if (seq <= before)
                wrong(input, "seq " + std::to_string(seq) + " stands behind seq " + std::to_string(before));
            if (missing > 0 && !may_lack_room_)
                wrong(input, std::to_string(missing) + " are missing before seq " + std::to_string(seq));
            before = seq;
            missing = 0;
        }
    }
}

} // namespace sim
