// A line as a producer sends it: the verdict agrees with Boost.JSON, and what is accepted becomes an envelope
// of one line.
#include "agent/event/envelope_view.hpp"
#include "agent/event/event.hpp"
#include "agent/event/scan.hpp"
#include "net/utf8.hpp"
#include "tests/fuzz/input.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace {

namespace json = boost::json;

constexpr std::string_view session_id = "01890a5d-ac96-774b-bcce-b302099a8057";
constexpr std::uint64_t seq = 9'007'199'254'740'993;

json::value boost_parse(std::string_view text, unsigned levels, boost::system::error_code& ec) {
    json::parse_options options;
    options.max_depth = levels;
    return json::parse(text, ec, {}, options);
}

// Where the RFC leaves a choice the scan takes more: lone surrogates, and numbers of any size.
bool only_stricter(const boost::system::error_code& ec, const agent::event_scan& scan) {
    return scan.lone_surrogate() || ec == json::error::exponent_overflow;
}

bool is_json(std::string_view text) {
    agent::event_scan scan(text);
    const bool valid = scan.document(agent::event_nesting_max);
    boost::system::error_code ec;
    boost_parse(text, agent::event_nesting_max, ec);
    NET_ASSERT(valid ? !ec || only_stricter(ec, scan) : ec.failed(),
               "what is JSON is what Boost.JSON takes too");
    return valid;
}

void refused(const agent::event_error& error, bool valid, std::string_view text) {
    constexpr std::array of_valid{"too_deep", "invalid_event", "forbidden_source"};
    const bool about_events = std::find(of_valid.begin(), of_valid.end(), error.code) != of_valid.end();
    NET_ASSERT(about_events || error.code == "invalid_json" || error.code == "invalid_utf8",
               "a refusal has one of the codes");
    if (valid)
        NET_ASSERT(about_events && error.code != "too_deep", "a refusal of JSON is not called invalid JSON");
    NET_ASSERT(net::valid_utf8(error.message) && error.message.size() < 1000 &&
                   std::none_of(error.message.begin(), error.message.end(),
                                [](unsigned char c) { return c < ' ' || c == 0x7F; }),
               "a refusal can be logged");
    NET_ASSERT(error.code != "invalid_utf8" || !net::valid_utf8(text), "only what is no UTF-8 is called so");
}

std::string envelope_of(agent::event& event) {
    const auto fit = agent::fit_envelope(event, session_id, seq);
    if (std::holds_alternative<agent::event_error>(fit))
        return {};
    const auto bytes = std::get<std::size_t>(fit);
    NET_ASSERT(bytes <= agent::envelope_bytes_max, "an envelope is bounded");
    const auto room = std::make_unique<char[]>(bytes);
    NET_ASSERT(agent::write_envelope(event, session_id, seq, room.get()) == bytes,
               "an envelope is as long as was said");
    return {room.get(), bytes};
}

// Boost.JSON rounds long digits otherwise where they lie otherwise, and makes NaN of 0e999.
bool same(double one, double other) {
    if (std::isnan(one) || std::isnan(other))
        return std::isnan(one) && std::isnan(other);
    return one == other || std::abs(one - other) <= 1e-12 * std::max(std::abs(one), std::abs(other));
}

bool same(const json::value& one, const json::value& other) {
    if (one.is_double() && other.is_double())
        return same(one.get_double(), other.get_double());
    if (one.is_array() && other.is_array())
        return std::equal(one.get_array().begin(), one.get_array().end(), other.get_array().begin(),
                          other.get_array().end(), [](const auto& a, const auto& b) { return same(a, b); });
    if (one.is_object() && other.is_object())
        return std::equal(one.get_object().begin(), one.get_object().end(), other.get_object().begin(),
                          other.get_object().end(), [](const auto& a, const auto& b) {
                              return a.key() == b.key() && same(a.value(), b.value());
                          });
    return one == other;
}

void accepted(agent::event event, std::string_view text) {
    if (!event.ts)
        event.ts = 1'700'000'000'000'000;
    const auto line = envelope_of(event);
    if (line.empty())
        return;
    NET_ASSERT(line.find_first_of("\r\n") == line.npos, "an envelope is one line");
    NET_ASSERT(net::valid_utf8(line), "an envelope is UTF-8");
    agent::event_scan scan(line);
    NET_ASSERT(scan.document(agent::event_nesting_max + 1), "an envelope is JSON");

    NET_ASSERT(agent::session_id_of_envelope(line) == session_id, "a sink finds the session");
    NET_ASSERT(agent::category_of_envelope(line) == event.in, "a sink finds the category");
    const auto head = agent::parse_envelope_head(line);
    NET_ASSERT(head && head->capture_session_id == session_id && head->seq == seq && head->ts == event.ts &&
                   head->category == agent::name_of(event.in) && !head->type.empty(),
               "a reader finds what was written");

    // The event in the envelope is an event, and makes the same envelope.
    constexpr std::string_view opening = R"("event":)";
    const auto inner = std::string_view(line).substr(line.find(opening) + opening.size());
    agent::event_parser parser;
    auto again = parser.parse(inner.substr(0, inner.size() - 1), agent::event_origin::cdp);
    NET_ASSERT(std::holds_alternative<agent::event>(again), "the event of an envelope is an event");
    NET_ASSERT(envelope_of(std::get<agent::event>(again)) == line, "an event written again is the same");

    boost::system::error_code whole_ec;
    boost::system::error_code line_ec;
    const auto whole = boost_parse(text, agent::event_nesting_max, whole_ec);
    const auto made = boost_parse(line, agent::event_nesting_max + 1, line_ec);
    if (whole_ec)
        return;
    NET_ASSERT(!line_ec, "what Boost.JSON takes makes an envelope that it takes");
    const auto* data = whole.as_object().if_contains("data");
    const auto& event_made = made.at("event").as_object();
    NET_ASSERT(head->type == whole.at("type").as_string(), "the type is what it was");
    if (data && event.truncated != true)
        NET_ASSERT(same(event_made.at("data"), *data), "the data is what it was");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    const bool valid = is_json(text);
    if (const auto head = agent::parse_envelope_head(text))
        NET_ASSERT(net::valid_utf8(head->capture_session_id) && net::valid_utf8(head->type) &&
                       net::valid_utf8(head->category),
                   "what is read of an envelope is UTF-8");
    agent::event_parser parser;
    for (const auto origin : {agent::event_origin::intake, agent::event_origin::cdp}) {
        const auto outcome = parser.parse(text, origin);
        if (const auto* error = std::get_if<agent::event_error>(&outcome)) {
            refused(*error, valid, text);
            continue;
        }
        const auto& event = std::get<agent::event>(outcome);
        NET_ASSERT(valid, "only JSON is accepted");
        NET_ASSERT(origin == agent::event_origin::cdp || event.kind == agent::source_kind::extension ||
                       event.kind == agent::source_kind::local_process,
                   "nobody claims to be the browser");
        accepted(event, text);
    }
    return 0;
}
