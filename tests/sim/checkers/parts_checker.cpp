#include "tests/sim/checkers/parts_checker.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace sim {
namespace {

std::string root_of(const std::string& stream) {
    const auto at = stream.rfind('~');
    return at == std::string::npos ? stream : stream.substr(0, at);
}

} // namespace

void parts_checker::expect_no_continuation() const {
    if (!book_.continued.empty())
        throw verdict(exit_correctness, "a stream was left to another writer from seq " +
                                            std::to_string(book_.continued.front().from) +
                                            ", and there was none");
}

void parts_checker::expect_each_once() const {
    std::map<stream_id, std::string> names;
    for (const auto& stream : store_.streams())
        names[stream.id] = stream.name;
    // Where a reader of this stream goes over to a later part of the same chain.
    const auto readable_below = [&](stream_id stream) {
        seq_t below = ~seq_t{0};
        const auto own = std::find_if(book_.continued.begin(), book_.continued.end(),
                                      [&](const auto& each) { return each.stream == stream; });
        const auto later = own == book_.continued.end() ? book_.continued.begin() : own + 1;
        for (auto each = later; each != book_.continued.end(); ++each)
            if (each->stream != stream && root_of(names[each->stream]) == root_of(names[stream]))
                below = std::min(below, each->from);
        return below;
    };
    std::map<stream_id, seq_t> below;
    for (const auto& [stream, name] : names)
        below[stream] = readable_below(stream);
    const auto& events = book_.events();
    for (std::size_t number = 0; number < events.size(); ++number) {
        const auto& event = events[number];
        // By name: of a stream and one that was recreated under its name, a reader sees the later one only.
        std::set<std::string_view> read;
        for (const auto stream : event.landed)
            if (event.landed_seq < below[stream])
                read.insert(names[stream]);
        const auto readable = read.size();
        // What an outsider removed before it was acknowledged nobody can read back: then it is told as dropped.
        const bool removed = std::any_of(event.landed.begin(), event.landed.end(), [&](stream_id stream) {
            return store_.readable(stream).size() < store_.ever_appended(stream).size();
        });
        const bool told = removed && book_.covered_by_drop(event);
        if (event.landed.empty() || readable == 1 || (readable == 0 && told))
            continue;
        throw verdict(exit_correctness, "event " + std::to_string(number) + " (seq " +
                                            std::to_string(event.landed_seq) + ") is read " +
                                            std::to_string(readable) + " times over the parts of its stream");
    }
}

} // namespace sim
