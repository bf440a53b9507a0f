// How a call travels: head, body, answer, and what each failure on the way says about the request having been
// sent.

#include "s2/client.hpp"

#include "net/task/with_deadline.hpp"
#include "s2/client_call.hpp"

#include <charconv>

namespace s2 {
namespace {

constexpr std::string_view user_agent = "ringtail/" RINGTAIL_VERSION;

// The server has said that it did not process the request.
bool refused_unprocessed(net::error_code ec) {
    return ec == net::make_error_code(net::error::going_away) ||
           ec == net::make_error_code(net::error::refused_stream);
}

std::optional<std::chrono::milliseconds> retry_after_of(const net::http_fields& fields) {
    const auto text = net::find_field(fields, "retry-after-ms");
    std::uint32_t ms = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (text.empty() || ec != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return std::chrono::milliseconds(ms);
}

// The body as the server meant it; nothing: a coding that we did not ask for, corrupt, or too large.
std::optional<std::string> decoded_body(const net::http_fields& fields, std::string body) {
    const auto coding = net::find_field(fields, "content-encoding");
    if (coding.empty() || coding == "identity")
        return body;
    const auto packing = parse_compression(coding);
    if (!packing)
        return std::nullopt;
    return decompress(body, *packing, response_bytes_max);
}

net::task<net::result<unary_answer>> converse(net::client_exchange& exchange, const std::string& body) {
    net::error_code written;
    if (!body.empty()) {
        const net::asio::const_buffer whole(body.data(), body.size());
        written = co_await exchange.write(std::span(&whole, 1));
        if (!written)
            written = co_await exchange.finish();
    }
    // Also where the body was cut short: a server may refuse a request before it has read all of it.
    auto head = co_await exchange.response();
    if (!head)
        co_return written && !net::is_eof(written) && !refused_unprocessed(head.error()) ? written
                                                                                         : head.error();
    auto content = co_await net::read_body(exchange, response_bytes_max);
    if (!content)
        co_return content.error();
    unary_answer answer;
    answer.status = head->status;
    answer.fields = std::move(head->fields);
    answer.body = std::move(*content);
    co_return std::move(answer);
}

} // namespace

client::client(connector& connections, credentials& token, std::string basin, compression packing)
    : connections_(connections)
    , token_(token)
    , basin_(std::move(basin))
    , packing_(packing) {}

unary_call client::account_call(std::string method, std::string path) const {
    unary_call request;
    request.method = std::move(method);
    request.base = connections_.where().account();
    request.path = std::move(path);
    return request;
}

unary_call client::stream_call(std::string method, std::string path) const {
    unary_call request = account_call(std::move(method), std::move(path));
    request.base = connections_.where().basin(basin_);
    if (connections_.where().names_basin_in_header())
        request.fields.push_back({"s2-basin", basin_});
    return request;
}

net::task<result<open_exchange>> client::start(unary_call& request, bool end, net::time_point deadline) {
    auto token = token_.bearer();
    if (!token)
        co_return token.error();
    open_exchange opened;
    auto connection = co_await connections_.connect(request.base, deadline);
    if (!connection)
        co_return connection.error();
    opened.connection = std::move(*connection);

    net::request_head head;
    head.method = request.method;
    head.target = request.base.path + request.path;
    if (!request.query.empty())
        head.target += "?" + request.query;
    head.scheme = request.base.scheme;
    head.authority = request.base.authority();
    head.fields.push_back({"user-agent", std::string(user_agent)});
    if (!token->empty())
        head.fields.push_back({"authorization", "Bearer " + std::string(token->reveal())});
    head.fields.insert(head.fields.end(), request.fields.begin(), request.fields.end());
    if (packing_ != compression::none)
        head.fields.push_back({"accept-encoding", std::string(name_of(packing_))});

    auto exchange = co_await net::with_deadline(env(), deadline, opened.connection->open(head, end));
    if (!exchange)
        // No stream was opened, so nothing has left.
        co_return error::from_transport(exchange.error(), false, request.context());
    opened.exchange = std::move(*exchange);
    co_return std::move(opened);
}

net::task<result<unary_answer>> client::perform(unary_call request, net::time_point deadline) {
    if (packing_ != compression::none && request.body.size() >= compress_from_bytes) {
        request.body = compress(request.body, packing_);
        request.fields.push_back({"content-encoding", std::string(name_of(packing_))});
    }
    auto opened = co_await start(request, request.body.empty(), deadline);
    if (!opened)
        co_return opened.error();
    auto outcome = co_await net::with_deadline(env(), deadline, converse(*opened->exchange, request.body));
    if (!outcome)
        co_return error::from_transport(outcome.error(), !refused_unprocessed(outcome.error()),
                                        request.context());
    auto body = decoded_body(outcome->fields, std::move(outcome->body));
    if (!body)
        co_return error::from_protocol("a response body of unknown, corrupt or excessive encoding");
    outcome->body = std::move(*body);
    if (outcome->status >= 200 && outcome->status < 300)
        co_return std::move(*outcome);
    if (outcome->status == 401)
        token_.refresh();
    co_return error::from_response(outcome->status, outcome->body, retry_after_of(outcome->fields));
}

net::task<result<open_exchange>> client::open_session(std::string method, std::string stream,
                                                      std::string query, bool body,
                                                      net::time_point deadline) {
    if (auto reason = invalid_stream_name(stream))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call(std::move(method), records_path(stream));
    request.query = std::move(query);
    request.fields.push_back({"content-type", "s2s/proto"});
    request.fields.push_back({"accept", "application/protobuf"});
    auto opened = co_await start(request, !body, deadline);
    co_return std::move(opened);
}

} // namespace s2
