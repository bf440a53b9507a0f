#include "net/http/message.hpp"

#include <array>
#include <charconv>

namespace net {

std::string_view find_field(const http_fields& fields, std::string_view lower_case_name) {
    for (const auto& field : fields)
        if (field.name == lower_case_name)
            return field.value;
    return {};
}

std::optional<std::uint64_t> content_length(const http_fields& fields) {
    const auto text = find_field(fields, "content-length");
    std::uint64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || ec != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::string_view request_head::path() const {
    const std::string_view all = target;
    return all.substr(0, all.find('?'));
}

std::string_view request_head::query() const {
    const std::string_view all = target;
    const auto mark = all.find('?');
    return mark == std::string_view::npos ? std::string_view{} : all.substr(mark + 1);
}

task<error_code> respond_with(server_exchange& exchange, response_head head, std::string_view body) {
    const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
    if (!bodiless)
        head.fields.push_back({"content-length", std::to_string(body.size())});
    const bool end = bodiless || body.empty();
    const error_code failed = co_await exchange.respond(std::move(head), end);
    if (failed || end)
        co_return failed;
    const asio::const_buffer whole(body.data(), body.size());
    const std::span<const asio::const_buffer> from(&whole, 1);
    const error_code unwritten = co_await exchange.write(from);
    if (unwritten)
        co_return unwritten;
    const error_code unfinished = co_await exchange.finish();
    co_return unfinished;
}

task<result<std::string>> read_body(http_body& body, std::uint64_t limit_bytes) {
    std::string whole;
    std::array<char, 16 * 1024> piece;
    for (;;) {
        const auto got = co_await body.read_some(asio::buffer(piece));
        if (!got) {
            if (is_eof(got.error()))
                co_return std::move(whole);
            co_return got.error();
        }
        if (*got > limit_bytes - whole.size())
            co_return make_error_code(error::limit_exceeded);
        whole.append(piece.data(), *got);
    }
}

} // namespace net
