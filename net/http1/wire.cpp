#include "net/http1/wire.hpp"

#include "net/text.hpp"

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/serializer.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace net {
namespace {

namespace http = boost::beast::http;

std::string_view as_std(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

boost::beast::string_view as_beast(std::string_view text) {
    return {text.data(), text.size()};
}

// Belongs to the connection, or to the framing, which is ours to write.
bool of_the_connection(std::string_view name) {
    return name == "connection" || name == "transfer-encoding" || name == "keep-alive" || name == "host" ||
           name == "proxy-connection" || name == "upgrade" || name == "content-length";
}

bool one_line(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

bool one_word(std::string_view text) {
    return !text.empty() && one_line(text) && text.find_first_of(" \t") == std::string_view::npos;
}

// A field that could end the head early would begin somebody else's request.
bool harmless(const http_fields& fields) {
    return std::all_of(fields.begin(), fields.end(), [](const auto& field) {
        return one_word(field.name) && field.name.find(':') == std::string::npos && one_line(field.value);
    });
}

template <bool IsRequest>
void set_fields(http::header<IsRequest>& into, const http_fields& fields, bool keep_length) {
    for (const auto& field : fields) {
        if (of_the_connection(field.name) && !(keep_length && field.name == "content-length"))
            continue;
        into.insert(as_beast(field.name), as_beast(field.value));
    }
}

template <bool IsRequest>
std::string text_of(http::message<IsRequest, http::empty_body>& message) {
    std::string text;
    http::serializer<IsRequest, http::empty_body> serializer(message);
    serializer.split(true);
    while (!serializer.is_header_done()) {
        error_code ec;
        serializer.next(ec, [&](error_code&, const auto& buffers) {
            std::size_t count = 0;
            for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
                 ++it) {
                const asio::const_buffer piece(*it);
                text.append(static_cast<const char*>(piece.data()), piece.size());
                count += piece.size();
            }
            serializer.consume(count);
        });
        if (ec)
            break;
    }
    return text;
}

// What the request and the response parser have in common, over either of the two faces.
template <bool IsRequest, class Face>
class parser : public Face {
public:
    explicit parser(std::size_t header_bytes_max)
        : header_bytes_left_(header_bytes_max) {
        parser_.header_limit(static_cast<std::uint32_t>(header_bytes_max));
        parser_.body_limit(boost::none);
        parser_.eager(false);
    }

    http1_parser::step head(std::string_view bytes) override {
        http1_parser::step done;
        if (bytes.empty())
            return done;
        // Beast's limit is on what it has not taken, and it takes fields that come one by one.
        const auto within = bytes.substr(0, header_bytes_left_);
        error_code ec = http::error::need_more;
        if (!within.empty())
            done.taken = parser_.put(asio::buffer(within.data(), within.size()), ec);
        header_bytes_left_ -= done.taken;
        const bool unfinished = !ec ? !head_done() : ec == http::error::need_more;
        if (ec == http::error::header_limit || (unfinished && within.size() < bytes.size()))
            done.failed = make_error_code(error::limit_exceeded);
        else if (ec && ec != http::error::need_more)
            done.failed = make_error_code(error::protocol);
        return done;
    }

    bool head_done() const override { return parser_.is_header_done(); }

    http1_parser::step body(std::string_view bytes, asio::mutable_buffer into) override {
        http1_parser::step made;
        auto& sink = parser_.get().body();
        sink.data = into.data();
        sink.size = into.size();
        sink.more = true;
        while (!parser_.is_done() && made.produced == 0 && made.taken < bytes.size()) {
            error_code ec;
            const auto rest = bytes.substr(made.taken);
            // Beast asserts that there are five bytes where it has seen the last chunk without its end.
            if (last_chunk_seen_ && rest.size() < 5)
                break;
            const auto taken = parser_.put(asio::buffer(rest.data(), rest.size()), ec);
            made.taken += taken;
            made.produced = into.size() - sink.size;
            last_chunk_seen_ = ec == http::error::need_more && taken == 0 && rest == "0\r\n";
            if (ec == http::error::need_more || (taken == 0 && (!ec || ec == http::error::need_buffer)))
                break;
            if (ec && ec != http::error::need_buffer) {
                made.failed = make_error_code(error::protocol);
                break;
            }
        }
        sink.data = nullptr;
        sink.size = 0;
        return made;
    }

    bool ends_with_transport() override {
        error_code ec;
        parser_.put_eof(ec);
        return !ec && parser_.is_done();
    }

    bool done() const override { return parser_.is_done(); }

protected:
    http_fields fields() const {
        http_fields all;
        for (const auto& field : parser_.get().base()) {
            auto name = lower_case(as_std(field.name_string()));
            // A response's length is of interest also where it is not the framing (HEAD).
            if (!of_the_connection(name) || (!IsRequest && name == "content-length"))
                all.push_back({std::move(name), std::string(as_std(field.value()))});
        }
        return all;
    }

    http::parser<IsRequest, http::buffer_body> parser_;

private:
    std::size_t header_bytes_left_;
    bool last_chunk_seen_ = false;
};

class request_parser final : public parser<true, http1_request_parser> {
public:
    using parser::parser;

    result<http1_request> request() override {
        const auto& message = parser_.get();
        http1_request made;
        made.version_11 = message.version() == 11;
        if (message.version() != 11 && message.version() != 10)
            return make_error_code(error::protocol);
        // A coding that nobody here undoes would leave the end of the body to guessing.
        if (message.count(http::field::transfer_encoding) > 0 && !parser_.chunked())
            return make_error_code(error::protocol);
        const auto hosts = message.count(http::field::host);
        if (hosts > 1 || (hosts == 0 && made.version_11))
            return make_error_code(error::protocol);
        made.keep_alive = parser_.keep_alive();
        made.expects_continue =
            made.version_11 && boost::beast::iequals(message[http::field::expect], "100-continue");
        made.head.method = as_std(message.method_string());
        made.head.target = as_std(message.target());
        made.head.scheme = "http";
        made.head.authority = as_std(message[http::field::host]);
        made.head.fields = fields();
        if (const auto length = parser_.content_length())
            made.head.body_bytes = *length;
        take_absolute(made.head);
        return made;
    }

private:
    // "http://host/path" as proxies are asked for it.
    static void take_absolute(request_head& head) {
        const auto mark = head.target.find("://");
        if (head.target.empty() || head.target[0] == '/' || mark == std::string::npos)
            return;
        const auto slash = head.target.find('/', mark + 3);
        head.authority = head.target.substr(mark + 3, slash == std::string::npos ? slash : slash - mark - 3);
        head.target = slash == std::string::npos ? "/" : head.target.substr(slash);
    }
};

class response_parser final : public parser<false, http1_response_parser> {
public:
    response_parser(std::size_t header_bytes_max, bool bodiless)
        : parser(header_bytes_max) {
        parser_.skip(bodiless);
    }

    http1_response response() override {
        http1_response made;
        made.head.status = parser_.get().result_int();
        made.head.fields = fields();
        made.keep_alive = parser_.keep_alive();
        return made;
    }
};

} // namespace

result<std::string> http1_request_text(const request_head& head, http1_framing framing) {
    if (!one_word(head.method) || !one_word(head.target) || !one_line(head.authority) ||
        !harmless(head.fields))
        return error_code(asio::error::invalid_argument);
    http::request<http::empty_body> message;
    message.version(11);
    message.method_string(as_beast(head.method));
    message.target(as_beast(head.target));
    message.insert("host", as_beast(head.authority));
    set_fields<true>(message, head.fields, framing == http1_framing::length);
    if (framing == http1_framing::chunked)
        message.insert("transfer-encoding", "chunked");
    return text_of(message);
}

result<std::string> http1_response_text(const response_head& head, http1_response_form form) {
    if (head.status < 200 || head.status > 999 || !harmless(head.fields))
        return error_code(asio::error::invalid_argument);
    http::response<http::empty_body> message;
    message.version(11);
    message.result(head.status);
    set_fields<false>(message, head.fields,
                      form.body == http1_body::left_out || form.framing == http1_framing::length);
    if (form.framing == http1_framing::chunked)
        message.insert("transfer-encoding", "chunked");
    if (form.behind == http1_persistence::close)
        message.insert("connection", "close");
    else if (!form.version_11)
        message.insert("connection", "keep-alive");
    return text_of(message);
}

std::string http1_chunk_head(std::uint64_t size) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
    return std::string(digits.data(), end) + "\r\n";
}

std::unique_ptr<http1_request_parser> http1_request_parser::make(std::size_t header_bytes_max) {
    return std::make_unique<request_parser>(header_bytes_max);
}

std::unique_ptr<http1_response_parser> http1_response_parser::make(std::size_t header_bytes_max,
                                                                   bool bodiless) {
    return std::make_unique<response_parser>(header_bytes_max, bodiless);
}

} // namespace net
