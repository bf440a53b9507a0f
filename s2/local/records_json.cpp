#include "s2/local/records_json.hpp"

#include "net/utf8.hpp"
#include "s2/protobuf.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>

namespace s2::local {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int value_of(char c) {
    const auto at = alphabet.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// Thrown and caught inside this file: a parser that descends would otherwise be all plumbing.
[[noreturn]] void malformed(std::string_view why) {
    throw bad_json(why);
}

std::optional<std::uint64_t> number(const json::object& from, const char* name) {
    const auto* value = from.if_contains(name);
    if (!value || value->is_null())
        return std::nullopt;
    if (value->is_uint64())
        return value->get_uint64();
    if (value->is_int64() && value->get_int64() >= 0)
        return static_cast<std::uint64_t>(value->get_int64());
    malformed(std::string(name) + ": expected an unsigned integer");
}

std::string bytes(const json::value& from, const char* name, record_format format) {
    if (!from.is_string())
        malformed(std::string(name) + ": expected a string");
    const std::string_view text = from.get_string();
    if (format == record_format::raw)
        return std::string(text);
    auto decoded = base64_decoded(text);
    if (!decoded)
        throw invalid("invalid Base64 encoding");
    return std::move(*decoded);
}

append_record record_of(const json::value& from, record_format format) {
    if (!from.is_object())
        malformed("records: expected objects");
    const json::object& object = from.get_object();
    append_record record;
    record.timestamp = number(object, "timestamp");
    if (const auto* headers = object.if_contains("headers")) {
        if (!headers->is_array())
            malformed("headers: expected an array of pairs");
        for (const json::value& pair : headers->get_array()) {
            if (!pair.is_array() || pair.get_array().size() != 2)
                malformed("headers: expected an array of pairs");
            record.headers.push_back({bytes(pair.get_array()[0], "headers", format),
                                      bytes(pair.get_array()[1], "headers", format)});
        }
    }
    if (const auto* body = object.if_contains("body"))
        record.body = bytes(*body, "body", format);
    return record;
}

append_input input_of(const json::value& from, record_format format) {
    if (!from.is_object())
        malformed("expected an object");
    const json::object& object = from.get_object();
    append_input input;
    const auto* records = object.if_contains("records");
    if (!records || !records->is_array())
        malformed(records ? "records: expected an array" : "missing field `records`");
    input.match_seq_num = number(object, "match_seq_num");
    if (const auto* token = object.if_contains("fencing_token"); token && !token->is_null()) {
        if (!token->is_string())
            malformed("fencing_token: expected a string");
        input.fencing_token = std::string(token->get_string());
        if (const auto why = invalid_fencing_token(*input.fencing_token))
            malformed(*why);
    }
    for (const json::value& each : records->get_array())
        input.records.push_back(record_of(each, format));
    return input;
}

void append_text(std::string_view raw, record_format format, std::string& out) {
    if (format == record_format::base64) {
        out += '"';
        out += base64_encoded(raw);
        out += '"';
    } else {
        out += json::serialize(
            json::string_view(net::valid_utf8(raw) ? raw : std::string_view(lossy_utf8(raw))));
    }
}

} // namespace

outcome<append_input> append_input_from_json(std::string_view body, record_format format) {
    boost::system::error_code failed;
    const json::value value = json::parse(body, failed);
    if (failed)
        return bad_json(failed.message());
    try {
        append_input input = input_of(value, format);
        if (const auto why = invalid_reason(input))
            return invalid(*why);
        return input;
    } catch (const failure& why) {
        return why;
    }
}

void read_batch_to_json(std::string_view records, const std::optional<stream_position>& tail,
                        record_format format, std::string& out) {
    const auto decoded = decode_read_batch(records).value_or(read_batch());
    out += "{\"records\":[";
    bool first = true;
    for (const auto& record : decoded.records) {
        out += first ? "{\"seq_num\":" : ",{\"seq_num\":";
        first = false;
        out += std::to_string(record.seq_num);
        out += ",\"timestamp\":";
        out += std::to_string(record.timestamp);
        if (!record.headers.empty()) {
            out += ",\"headers\":[";
            for (const auto& header : record.headers) {
                out += &header == &record.headers.front() ? "[" : ",[";
                append_text(header.name, format, out);
                out += ',';
                append_text(header.value, format, out);
                out += ']';
            }
            out += ']';
        }
        if (!record.body.empty()) {
            out += ",\"body\":";
            append_text(record.body, format, out);
        }
        out += '}';
    }
    out += ']';
    if (tail)
        out += ",\"tail\":" + json_of(*tail);
    out += '}';
}

std::string ack_to_json(const append_ack& ack) {
    return "{\"start\":" + json_of(ack.start) + ",\"end\":" + json_of(ack.end) +
           ",\"tail\":" + json_of(ack.tail) + "}";
}

std::string base64_encoded(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i)
            text += i <= count ? alphabet[group >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

std::optional<std::string> base64_decoded(std::string_view text) {
    if (text.size() % 4 != 0)
        return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t at = 0; at < text.size(); at += 4) {
        const bool last = at + 4 == text.size();
        const std::size_t padding = !last ? 0 : text[at + 3] != '=' ? 0 : text[at + 2] != '=' ? 1 : 2;
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const int value = i + padding < 4 ? value_of(text[at + i]) : 0;
            if (value < 0)
                return std::nullopt;
            group = group << 6 | static_cast<std::uint32_t>(value);
        }
        if ((padding == 1 && (group & 0xFF)) || (padding == 2 && (group & 0xFFFF)))
            return std::nullopt; // bits that no byte has: another text means the same bytes
        for (std::size_t i = 0; i + padding < 3; ++i)
            bytes += static_cast<char>(group >> (16 - 8 * i) & 0xFF);
    }
    return bytes;
}

std::string lossy_utf8(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const auto lead = static_cast<unsigned char>(bytes.front());
        std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
        if (length > 0 && length <= bytes.size() && net::valid_utf8(bytes.substr(0, length))) {
            text += bytes.substr(0, length);
            bytes.remove_prefix(length);
            continue;
        }
        // One U+FFFD for the longest beginning of a character that could have been.
        std::size_t part = 1;
        const auto continues = [&](std::size_t at) {
            if (at >= bytes.size() || at + 1 >= std::max<std::size_t>(length, 1))
                return false;
            const auto c = static_cast<unsigned char>(bytes[at]);
            if (at > 1)
                return (c & 0xC0) == 0x80;
            const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
            const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
            return c >= low && c <= high;
        };
        while (continues(part))
            ++part;
        text += "\xEF\xBF\xBD";
        bytes.remove_prefix(part);
    }
    return text;
}

} // namespace s2::local
