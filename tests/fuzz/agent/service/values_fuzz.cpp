// One text as every value that a flag, a variable, a query or a header may hold; what is understood is said,
// and understood again.
#include "agent/api/call.hpp"
#include "agent/archive/envelope_filter.hpp"
#include "agent/archive/envelope_text.hpp"
#include "agent/archive/replay_target.hpp"
#include "agent/config/setting_reader.hpp"
#include "agent/config/units.hpp"
#include "agent/event/category_list.hpp"
#include "agent/event/printable.hpp"
#include "net/text.hpp"
#include "net/utf8.hpp"
#include "s2/endpoints.hpp"
#include "tests/fuzz/input.hpp"

#include <boost/json.hpp>

namespace {

constexpr net::wall_micros now = 1'700'000'000'000'000;

void units(std::string_view text) {
    if (const auto duration = agent::parse_duration(text)) {
        NET_ASSERT(*duration >= net::duration::zero(), "a duration is not negative");
        NET_ASSERT(agent::parse_duration(agent::duration_text(*duration)) == duration,
                   "a duration there and back");
    }
    if (const auto size = agent::parse_size(text))
        NET_ASSERT(agent::parse_size(agent::size_text(*size)) == size, "a size there and back");
    if (const auto on = agent::parse_switch(text))
        NET_ASSERT(text.size() <= 5, "a switch is a short word");
    if (const auto moment = agent::parse_moment(text, now)) {
        constexpr net::wall_micros year_0 = -62'167'219'200'000'000;
        constexpr net::wall_micros year_10000 = 253'402'300'800'000'000;
        if (*moment >= year_0 && *moment < year_10000)
            NET_ASSERT(agent::parse_moment(net::rfc3339(*moment), now) == moment, "a moment there and back");
    }
}

void words(std::string_view text) {
    const std::string shown = agent::printable(text);
    NET_ASSERT(net::valid_utf8(shown), "what is shown is UTF-8");
    NET_ASSERT(std::none_of(shown.begin(), shown.end(), [](unsigned char c) { return c < ' ' || c == 0x7F; }),
               "no control character is shown");
    NET_ASSERT(agent::printable(shown) == shown, "what is shown is all visible");
    const std::string line = agent::envelope_text(text);
    NET_ASSERT(agent::printable(line) == line, "an envelope's text is all visible");
}

void places(std::string_view text) {
    if (const auto endpoint = net::parse_endpoint(text)) {
        const auto again = net::parse_endpoint(endpoint->text());
        NET_ASSERT(again && *again == *endpoint, "an endpoint there and back");
        (void)endpoint->loopback();
    }
    if (const auto url = net::parse_url(text)) {
        const auto again = net::parse_url(url->text());
        NET_ASSERT(again && *again == *url, "a URL there and back");
    }
    for (const auto name : {"basin-08", "123456789012345678901234567890123456789012345678"})
        if (const auto endpoints = s2::endpoints::parse({}, text))
            (void)endpoints->basin(name);
    const auto target = agent::parse_replay_target(text);
    if (const auto* found = std::get_if<agent::replay_target>(&target)) {
        using kind = agent::replay_target::kind;
        NET_ASSERT(found->of != kind::session || found->session_id.size() == 36, "a session's id is a UUID");
        NET_ASSERT(found->of != kind::stream || "s2://" + found->basin + "/" + found->stream == text,
                   "a stream is named as it was");
    } else {
        NET_ASSERT(!std::get<std::string>(target).empty(), "a refusal says why");
    }
}

void categories(std::string_view text) {
    const auto list = agent::parse_category_list(text);
    if (const auto* set = std::get_if<agent::category_set>(&list)) {
        const auto again = agent::parse_category_list(agent::to_json(*set));
        NET_ASSERT(std::get<agent::category_set>(again) == *set, "a list of categories there and back");
    }
    boost::system::error_code ec;
    const auto json = boost::json::parse(text, ec);
    if (!ec && json.is_array())
        (void)agent::parse_category_list(json.get_array());
    (void)agent::category_of_type(text);
}

void requests(std::string_view text) {
    net::request_head head;
    head.target = "/events/stream?" + std::string(text);
    head.fields = {{"content-type", std::string(text)}};
    for (const auto* name : {"replay", "categories", "timeout", ""})
        (void)agent::query_parameter(head, name);
    const auto timeout = agent::timeout_of(head);
    if (const auto* value = std::get_if<net::duration>(&timeout))
        NET_ASSERT(*value >= net::duration::zero() && *value <= agent::flush_timeout_max,
                   "a timeout has limits");
    NET_ASSERT(agent::media_type_of(head).find(';') == std::string::npos, "a media type has no parameters");
    head.target = "/?other&x=" + s2::encode_query_value(text) + "&x=2";
    NET_ASSERT(agent::query_parameter(head, "x") == text, "a query's value there and back");
}

// By the letter, with a row of the table per character of the pattern.
bool matches(std::string_view pattern, std::string_view text) {
    std::vector<bool> row(text.size() + 1, false);
    row[0] = true;
    for (const char c : pattern) {
        bool diagonal = row[0];
        row[0] = row[0] && c == '*';
        for (std::size_t at = 1; at <= text.size(); ++at) {
            const bool above = row[at];
            row[at] = c == '*' ? above || row[at - 1] : diagonal && (c == '?' || c == text[at - 1]);
            diagonal = above;
        }
    }
    return row[text.size()];
}

void glob(std::string_view text) {
    const auto middle = std::min(text.find('\n'), text.size());
    const auto pattern = text.substr(0, std::min<std::size_t>(middle, 64));
    const auto subject = text.substr(middle).substr(0, 64);
    NET_ASSERT(agent::glob_matches(pattern, subject) == matches(pattern, subject), "a pattern by the letter");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    units(text);
    words(text);
    places(text);
    categories(text);
    requests(text);
    glob(text);
    return 0;
}
