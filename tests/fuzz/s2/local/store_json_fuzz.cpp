// What a client sends to the embedded store in JSON, in headers and in a target.
#include "net/text.hpp"
#include "net/utf8.hpp"
#include "s2/endpoints.hpp"
#include "s2/local/records_json.hpp"
#include "s2/local/uri.hpp"
#include "s2/protobuf.hpp"
#include "tests/fuzz/input.hpp"

#include <boost/json.hpp>

namespace {

namespace json = boost::json;
using s2::local::record_format;

void append(std::string_view body, record_format format) {
    const auto input = s2::local::append_input_from_json(body, format);
    if (!input) {
        const auto status = input.error().status;
        NET_ASSERT(status == 400 || status == 422, "what is refused is the client's fault");
        boost::system::error_code ec;
        json::parse(input.error().body, ec);
        NET_ASSERT(!ec, "a refusal is JSON");
        return;
    }
    NET_ASSERT(!s2::invalid_reason(*input), "what is accepted is within the limits");

    // Read back, the records are what was appended.
    s2::read_batch batch;
    for (const auto& record : input->records)
        batch.records.push_back(
            {batch.records.size(), record.timestamp.value_or(0), record.headers, record.body});
    std::string wire;
    s2::encode_read_batch(batch, wire);
    std::string text;
    s2::local::read_batch_to_json(wire, s2::stream_position{batch.records.size(), 0}, format, text);
    boost::system::error_code ec;
    auto read = json::parse(text, ec);
    NET_ASSERT(!ec, "what is read is JSON");
    for (auto& record : read.at("records").as_array())
        record.as_object().erase("seq_num");
    const auto again = s2::local::append_input_from_json(
        json::serialize(json::object{{"records", read.at("records")}}), format);
    NET_ASSERT(again && again->records.size() == input->records.size(), "what is read can be appended");
    for (std::size_t i = 0; i < input->records.size(); ++i)
        NET_ASSERT(again->records[i].headers == input->records[i].headers &&
                       again->records[i].body == input->records[i].body,
                   "what is read is what was appended");
}

void texts(std::string_view bytes) {
    NET_ASSERT(s2::local::base64_decoded(s2::local::base64_encoded(bytes)) == bytes, "base64 there and back");
    if (const auto decoded = s2::local::base64_decoded(bytes))
        NET_ASSERT(s2::local::base64_encoded(*decoded) == bytes, "one text per sequence of bytes");
    const auto lossy = s2::local::lossy_utf8(bytes);
    NET_ASSERT(net::valid_utf8(lossy), "lossy text is UTF-8");
    NET_ASSERT(!net::valid_utf8(bytes) || lossy == bytes, "what is UTF-8 stays");
}

void headers(std::string_view value) {
    net::request_head head;
    for (const auto* name :
         {"s2-encryption-key", "s2-stream-config", "s2-format", "s2-basin", "s2-request-token"})
        head.fields.push_back({name, std::string(value)});
    (void)s2::local::record_headers::of(head);
    (void)s2::local::format_of(head);
    (void)s2::local::request_token_of(head);
    (void)s2::local::media_of(value);
    (void)s2::local::accepted_compression(value);
    if (const auto basin = s2::local::basin_of(head))
        NET_ASSERT(!s2::invalid_basin_name(*basin), "a basin that is taken has a valid name");
}

void configs(std::string_view body) {
    boost::system::error_code ec;
    const auto value = json::parse(body, ec);
    if (ec)
        return;
    const auto stream = s2::local::parse_stream_config(value);
    if (const auto* config = std::get_if<s2::local::optional_stream_config>(&stream)) {
        const auto again = s2::local::parse_stream_config(s2::local::to_json(*config));
        NET_ASSERT(std::get<s2::local::optional_stream_config>(again) == *config,
                   "a stream's configuration there and back");
        const auto whole = s2::local::resolve(*config, {});
        const auto stored = s2::local::stored_stream_config(json::serialize(s2::local::to_json(whole)));
        NET_ASSERT(stored == whole, "a stream's configuration is stored as it is");
    }
    const auto basin = s2::local::parse_basin_config(value);
    if (const auto* config = std::get_if<s2::local::basin_config>(&basin)) {
        const auto stored = s2::local::stored_basin_config(json::serialize(s2::local::to_json(*config)));
        NET_ASSERT(stored == *config, "a basin's configuration is stored as it is");
        const auto patch = s2::local::parse_basin_patch(value);
        if (const auto* changes = std::get_if<s2::local::basin_patch>(&patch)) {
            s2::local::basin_config changed;
            s2::local::apply(*changes, changed);
            NET_ASSERT(s2::local::stored_basin_config(json::serialize(s2::local::to_json(changed))) ==
                           changed,
                       "what a change makes is stored as it is");
        }
    }
    (void)s2::local::parse_stream_patch(value);
}

void targets(std::string_view text) {
    std::string joined;
    for (const auto segment : s2::local::path_segments(text))
        joined.append("/").append(segment);
    NET_ASSERT(joined == (text.starts_with('/') ? "" : "/") + std::string(text),
               "segments are all of a path");
    NET_ASSERT(net::percent_decoded(s2::encode_segment(text)) == text, "a segment there and back");

    s2::local::query_parameters query("n=" + s2::encode_query_value(text) + "&" + std::string(text));
    (void)query.text("n");
    for (const auto* name : {"seq_num", "count", "wait", "clamp"}) {
        (void)query.number(name);
        (void)query.small_number(name);
        (void)query.boolean(name);
    }
    if (query.failed())
        NET_ASSERT(query.failed()->status == 400, "what is refused is the client's fault");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    append(bytes, record_format::raw);
    append(bytes, record_format::base64);
    texts(bytes);
    headers(bytes);
    configs(bytes);
    targets(bytes);
    return 0;
}
