#include "s2/error.hpp"

#include "net/utf8.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <stdexcept>

namespace s2 {
namespace {

constexpr std::size_t message_bytes_max = 512;

std::optional<boost::json::object> parse_object(std::string_view body) {
    boost::system::error_code ec;
    auto value = boost::json::parse(boost::json::string_view(body.data(), body.size()), ec);
    if (ec || !value.is_object())
        return std::nullopt;
    return std::move(value.as_object());
}

std::optional<std::uint64_t> number_in(const boost::json::object& object, std::string_view key) {
    const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
    if (!value)
        return std::nullopt;
    boost::system::error_code ec;
    const auto number = value->to_number<std::uint64_t>(ec);
    if (ec || value->is_double())
        return std::nullopt;
    return number;
}

std::optional<std::string> text_in(const boost::json::object& object, std::string_view key) {
    const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
    if (!value || !value->is_string())
        return std::nullopt;
    return std::string(value->get_string());
}

// Not ours to choose: what a server says must not reach a log or an answer as control bytes, as broken
// characters, or at any length.
std::string printable_start(std::string_view words) {
    auto end = std::min(words.size(), message_bytes_max);
    while (end > 0 && end < words.size() && (static_cast<unsigned char>(words[end]) & 0xC0) == 0x80)
        --end;
    std::string text(words.substr(0, end));
    const bool utf8 = net::valid_utf8(text);
    for (char& each : text) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte < 0x20 || byte == 0x7F)
            each = ' ';
        else if (byte >= 0x80 && !utf8)
            each = '?';
    }
    return text;
}

bool read_condition(const boost::json::object& body, error& into) {
    into.seq_num_mismatch = number_in(body, "seq_num_mismatch");
    into.fencing_token_mismatch = text_in(body, "fencing_token_mismatch");
    return into.seq_num_mismatch || into.fencing_token_mismatch;
}

bool read_range(const boost::json::object& body, error& into) {
    const auto* tail = body.if_contains("tail");
    if (!tail || !tail->is_object())
        return false;
    const auto seq_num = number_in(tail->get_object(), "seq_num");
    const auto timestamp = number_in(tail->get_object(), "timestamp");
    if (!seq_num || !timestamp)
        return false;
    into.tail = stream_position{*seq_num, *timestamp};
    return true;
}

} // namespace

error error::from_transport(net::error_code ec, bool request_sent, std::string context) {
    error failure;
    failure.what = kind::transport;
    failure.transport = ec;
    failure.sent = request_sent;
    failure.message = std::move(context);
    return failure;
}

error error::from_protocol(std::string message) {
    error failure;
    failure.what = kind::protocol;
    failure.message = std::move(message);
    return failure;
}

error error::from_invalid(std::string message) {
    error failure;
    failure.what = kind::invalid;
    failure.message = std::move(message);
    failure.sent = false;
    return failure;
}

error error::from_credentials(std::string message) {
    error failure;
    failure.what = kind::credentials;
    failure.message = std::move(message);
    failure.sent = false;
    return failure;
}

error error::from_answer(unsigned status, const net::result<std::string>& body, net::error_code lost) {
    if (body)
        return from_response(status, *body);
    if (body.error() == net::error::limit_exceeded)
        return from_response(status, {});
    return from_transport(lost, true, "the answer " + std::to_string(status));
}

error error::from_response(unsigned status, std::string_view body,
                           std::optional<std::chrono::milliseconds> retry_after) {
    error failure;
    failure.what = kind::api;
    failure.status = status;
    failure.retry_after = retry_after;
    const auto object = parse_object(body);
    if (object && status == 412 && read_condition(*object, failure)) {
        failure.what = kind::condition;
        return failure;
    }
    if (object && status == 416 && read_range(*object, failure)) {
        failure.what = kind::range;
        return failure;
    }
    if (object) {
        failure.code = printable_start(text_in(*object, "code").value_or(""));
        failure.message = printable_start(text_in(*object, "message").value_or(""));
    } else {
        failure.message = printable_start(body);
    }
    return failure;
}

std::string error::text() const {
    switch (what) {
    case kind::transport:
        return message.empty() ? transport.message() : message + ": " + transport.message();
    case kind::condition:
        if (fencing_token_mismatch)
            return "412: the stream is fenced by another token";
        return "412: the next seq_num is " + std::to_string(seq_num_mismatch.value_or(0));
    case kind::range:
        return "416: the start is not readable; the tail is " + std::to_string(tail ? tail->seq_num : 0);
    case kind::protocol:
        return "the server broke the protocol: " + message;
    case kind::invalid:
    case kind::credentials:
        return message;
    case kind::api:
        break;
    }
    std::string text = std::to_string(status);
    if (!code.empty())
        text += " " + code;
    if (!message.empty())
        text += ": " + message;
    return text;
}

void throw_exception_from_error(const error& failure, const boost::source_location&) {
    throw std::runtime_error(failure.text());
}

} // namespace s2
