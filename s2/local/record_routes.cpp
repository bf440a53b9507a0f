// Appending, reading and check-tail: judges the request in the order of the protocol's server, then answers
// at once or hands over to a session.

#include "s2/local/append_session.hpp"
#include "s2/local/read_streams.hpp"
#include "s2/local/records_json.hpp"
#include "s2/local/uri.hpp"
#include "s2/protobuf.hpp"

#include <algorithm>

namespace s2::local {
namespace {

struct place {
    std::string basin, stream;
};

outcome<place> place_of(const call& on) {
    auto basin = basin_of(on.head());
    if (!basin)
        return basin.error();
    auto stream = stream_in_path(on);
    if (!stream)
        return stream.error();
    return place{std::move(*basin), std::move(*stream)};
}

outcome<read_request> read_request_of(query_parameters& query) {
    const auto seq_num = query.number("seq_num");
    const auto timestamp = query.number("timestamp");
    const auto tail_offset = query.number("tail_offset");
    const auto clamp = query.boolean("clamp");
    read_request request;
    request.count = query.number("count");
    request.bytes = query.number("bytes");
    request.until = query.number("until");
    if (const auto wait = query.small_number("wait"))
        request.wait = std::chrono::seconds(*wait);
    if (query.failed())
        return *query.failed();
    if (int(seq_num.has_value()) + int(timestamp.has_value()) + int(tail_offset.has_value()) > 1)
        return invalid("only one of seq_num, timestamp, or tail_offset can be provided");
    request.start.clamp = clamp.value_or(false);
    request.start.from = seq_num     ? read_start::kind::seq_num
                         : timestamp ? read_start::kind::timestamp
                                     : read_start::kind::tail_offset;
    request.start.value = seq_num ? *seq_num : timestamp ? *timestamp : tail_offset.value_or(0);
    return request;
}

std::optional<failure> until_refused(const read_request& request) {
    if (request.start.from == read_start::kind::timestamp && request.until &&
        request.start.value >= *request.until)
        return invalid("start `timestamp` exceeds or equal to `until`");
    return std::nullopt;
}

net::task<std::optional<reply>> append_in_session(const call& on, const place& at,
                                                  const record_headers& headers) {
    const outcome<stream_handle> stream =
        co_await on.in().open_stream(at.basin, at.stream, access::append, headers.create_with);
    if (!stream)
        co_return reply::of(stream.error());
    net::response_head head{200, session_fields(on, "s2s/proto")};
    const net::error_code failed = co_await on.exchange.respond(std::move(head));
    if (failed)
        co_return std::nullopt;
    server_append_session session(on, *stream,
                                  accepted_compression(net::find_field(on.head().fields, "accept-encoding")));
    co_await session.run();
    co_return std::nullopt;
}

net::task<std::variant<append_input, reply>> unary_input(const call& on, media type) {
    const bool protobuf = type == media::protobuf;
    const auto format = protobuf ? outcome<record_format>(record_format::raw) : format_of(on.head());
    if (!format)
        co_return reply::of(format.error());
    if (!protobuf && type != media::json)
        co_return reply::of(bad_json("Expected request with `Content-Type: application/json`"));
    auto body = co_await read_unary_body(on, protobuf ? bad_proto : bad_json);
    if (auto* refused = std::get_if<reply>(&body))
        co_return std::move(*refused);
    const std::string& bytes = std::get<std::string>(body);
    if (!protobuf) {
        auto input = append_input_from_json(bytes, *format);
        if (!input)
            co_return reply::of(input.error());
        co_return std::move(*input);
    }
    auto input = decode_append_input(bytes);
    if (!input)
        co_return reply::of(bad_proto("failed to decode Protobuf message"));
    if (const auto why = invalid_reason(*input))
        co_return reply::of(invalid(*why));
    co_return std::move(*input);
}

} // namespace

net::task<std::optional<reply>> check_tail(const call& on) {
    const auto at = place_of(on);
    if (!at)
        co_return reply::of(at.error());
    const outcome<stream_handle> stream = co_await on.in().open_stream(at->basin, at->stream, access::read);
    if (!stream)
        co_return reply::of(stream.error());
    co_return reply::json_text(200, "{\"tail\":" + json_of((*stream)->state.durable_tail()) + "}");
}

net::task<std::optional<reply>> append_records(const call& on) {
    const auto at = place_of(on);
    if (!at)
        co_return reply::of(at.error());
    const auto headers = record_headers::of(on.head());
    if (!headers)
        co_return reply::of(headers.error());
    const auto type = media_of(net::find_field(on.head().fields, "content-type"));
    if (type == media::session) {
        auto refused = co_await append_in_session(on, *at, *headers);
        co_return refused;
    }
    auto input = co_await unary_input(on, type);
    if (auto* refused = std::get_if<reply>(&input))
        co_return std::move(*refused);
    const outcome<stream_handle> stream =
        co_await on.in().open_stream(at->basin, at->stream, access::append, headers->create_with);
    if (!stream)
        co_return reply::of(stream.error());
    const std::uint64_t epoch = (*stream)->epoch;
    co_await on.in().appends().room();
    auto ticket = on.in().appends().submit(*stream, epoch, std::move(std::get<append_input>(input)));
    const outcome<append_ack> ack = co_await on.in().appends().settled(std::move(ticket));
    if (!ack)
        co_return reply::of(ack.error());
    if (media_of(net::find_field(on.head().fields, "accept")) != media::protobuf)
        co_return reply::json_text(200, ack_to_json(*ack));
    std::string body;
    encode_append_ack(*ack, body);
    co_return reply::protobuf(std::move(body));
}

net::task<std::optional<reply>> read_records(const call& on) {
    const auto at = place_of(on);
    if (!at)
        co_return reply::of(at.error());
    query_parameters query(on.head().query());
    auto request = read_request_of(query);
    if (!request && request.error().code == "bad_query")
        co_return reply::of(request.error());
    const auto headers = record_headers::of(on.head());
    if (!headers)
        co_return reply::of(headers.error());
    read_mode mode;
    if (media_of(net::find_field(on.head().fields, "content-type")) == media::session) {
        mode.kind = read_mode::session;
        mode.with = accepted_compression(net::find_field(on.head().fields, "accept-encoding"));
    } else {
        const auto format = format_of(on.head());
        if (!format)
            co_return reply::of(format.error());
        const auto accept = media_of(net::find_field(on.head().fields, "accept"));
        mode.format = *format;
        mode.kind = accept == media::event_stream ? read_mode::events
                    : accept == media::protobuf   ? read_mode::unary_protobuf
                                                  : read_mode::unary_json;
    }
    if (mode.kind == read_mode::events && has_field(on.head().fields, "last-event-id")) {
        mode.last_event = parse_last_event_id(net::find_field(on.head().fields, "last-event-id"));
        if (!mode.last_event)
            co_return reply::of(bad_header("Invalid header `last-event-id`: expected seq_num,count,bytes"));
    }
    if (!request)
        co_return reply::of(request.error());
    if (mode.last_event)
        mode.last_event->resume(*request);
    if (const auto refused = until_refused(*request))
        co_return reply::of(*refused);
    if (mode.unary()) {
        request->count =
            std::min<std::uint64_t>(request->count.value_or(batch_records_max), batch_records_max);
        request->bytes = std::min<std::uint64_t>(request->bytes.value_or(batch_metered_bytes_max),
                                                 batch_metered_bytes_max);
        if (request->wait)
            request->wait = std::min<net::duration>(*request->wait, http_face::unary_wait_max);
    }
    outcome<stream_handle> stream =
        co_await on.in().open_stream(at->basin, at->stream, access::read, headers->create_with);
    if (!stream)
        co_return reply::of(stream.error());
    if (on.head().method == "HEAD") {
        net::response_head head;
        head.fields =
            session_fields(on, mode.kind == read_mode::events ? "text/event-stream" : "application/json");
        (void)co_await on.exchange.respond(std::move(head), true); // whoever does not take it has gone
        co_return std::nullopt;
    }
    read_session session(on.in(), std::move(*stream), *request);
    auto answer = co_await serve_read(on, session, *request, mode);
    co_return answer;
}

} // namespace s2::local
