#include "agent/archive/envelope_text.hpp"

#include "agent/archive/envelope_filter.hpp"
#include "agent/event/event.hpp"
#include "agent/event/printable.hpp"
#include "agent/event/scan.hpp"
#include "net/text.hpp"

namespace agent {
namespace {

constexpr unsigned levels_max = 2 * event_nesting_max; // as for an envelope's head

// The texts of url and data as they stand in the line, of a string without its quotes.
struct event_words {
    std::string_view url;
    std::string_view data;
};

event_words words_of(std::string_view line) {
    event_words found;
    event_scan scan(line);
    const auto take = [&](const char* at, std::string_view& into) {
        const char* behind = scan.value(at, levels_max);
        if (!behind)
            return behind;
        into = {at, behind};
        if (into.front() == '"')
            into = into.substr(1, into.size() - 2);
        return behind;
    };
    const auto is = [&](std::string_view raw_name, std::string_view wanted) {
        return scan.escaped() ? decode_string({raw_name.data() - 1, raw_name.size() + 2}) == wanted
                              : raw_name == wanted;
    };
    const auto event_member = [&](std::string_view name, const char* at) {
        if (is(name, "url"))
            return take(at, found.url);
        if (is(name, "data"))
            return take(at, found.data);
        return scan.value(at, levels_max);
    };
    const auto envelope_member = [&](std::string_view name, const char* at) {
        if (is(name, "event") && scan.peek(at) == '{')
            return scan.object(at, event_member);
        return scan.value(at, levels_max);
    };
    scan.object(scan.space(scan.begin()), envelope_member);
    return found;
}

} // namespace

std::string envelope_text(std::string_view line) {
    const auto head = parse_envelope_head(line);
    if (!head)
        return printable(line);
    std::string text = head->ts ? net::rfc3339(*head->ts) : std::string(27, ' ');
    text += "  " + (head->seq ? std::to_string(*head->seq) : "-") + "  " + head->category + "  " + head->type;
    const event_words words = words_of(line);
    for (const std::string_view one : {words.url, words.data})
        if (!one.empty())
            text.append("  ").append(one);
    return printable(text);
}

} // namespace agent
