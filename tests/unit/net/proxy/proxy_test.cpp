#include "net/proxy/proxy.hpp"
#include "tests/unit/net/stream_pair.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <gmock/gmock.h>

namespace net::test {
namespace {

using testing::HasSubstr;

struct no_proxy_row {
    const char* list;
    const char* host;
    std::uint16_t port;
    bool listed;
};

TEST(no_proxy, is_read_as_curl_reads_it) {
    constexpr no_proxy_row rows[] = {
        {"", "example.com", 443, false},
        {"*", "example.com", 443, true},
        {"a, *", "example.com", 443, true},
        {"example.com", "example.com", 443, true},
        {"EXAMPLE.com", "example.COM", 443, true},
        {"example.com", "www.example.com", 443, true},
        {".example.com", "www.example.com", 443, true},
        {".example.com", "example.com", 443, true},
        {"example.com", "notexample.com", 443, false},
        {"example.com", "example.com.org", 443, false},
        {"www.example.com", "example.com", 443, false},
        {"example.com.", "example.com", 443, true},
        {"example.com", "example.com.", 443, true},
        {"a,b c\texample.com", "example.com", 443, true},
        {" , ,", "example.com", 443, false},
        {".", "example.com", 443, false},
        {"com", "example.com", 443, true},
        // a port restricts an entry
        {"example.com:443", "example.com", 443, true},
        {"example.com:80", "example.com", 443, false},
        {"example.com:", "example.com", 443, false},
        {"[::1]:443", "::1", 443, true},
        {"[::1]:80", "::1", 443, false},
        {"10.0.0.1:443", "10.0.0.1", 443, true},
        // addresses and prefixes
        {"10.0.0.1", "10.0.0.1", 443, true},
        {"10.0.0.1", "10.0.0.10", 443, false},
        {"10.0.0.0/8", "10.1.2.3", 443, true},
        {"10.0.0.0/8", "11.1.2.3", 443, false},
        {"10.0.0.128/25", "10.0.0.127", 443, false},
        {"10.0.0.128/25", "10.0.0.200", 443, true},
        {"0.0.0.0/0", "10.0.0.200", 443, true},
        {"10.0.0.0/33", "10.0.0.0", 443, false},
        {"10.0.0.0/", "10.0.0.0", 443, false},
        {"10.0.0.0/x", "10.0.0.0", 443, false},
        {"0.0.1", "10.0.0.1", 443, false}, // no suffix of an address
        {"10.0.0.0/8", "10.example.com", 443, false},
        {"::1", "::1", 443, true},
        {"[::1]", "::1", 443, true},
        {"0:0:0:0:0:0:0:1", "::1", 443, true},
        {"fd00::/8", "fd12::5", 443, true},
        {"fd00::/8", "fe80::5", 443, false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", 443, false},
        // loopback is no exception by itself
        {"example.com", "localhost", 443, false},
        {"example.com", "127.0.0.1", 443, false},
        {"localhost", "localhost", 443, true},
    };
    for (const auto& row : rows)
        EXPECT_EQ(listed_in_no_proxy(row.list, row.host, row.port), row.listed)
            << row.list << " " << row.host;
}

std::string parsed(const char* text) {
    const auto read = parse_proxy(text);
    if (const auto* wrong = std::get_if<std::string>(&read))
        return *wrong;
    const auto& one = std::get<std::optional<proxy>>(read);
    return one ? one->at.text() + " " + std::string(one->credentials.reveal()) : "none";
}

TEST(proxy, is_parsed) {
    EXPECT_EQ(parsed(""), "none");
    EXPECT_EQ(parsed("http://proxy:3128"), "proxy:3128 ");
    EXPECT_EQ(parsed("HTTP://proxy:3128/"), "proxy:3128 ");
    EXPECT_EQ(parsed("proxy:3128"), "proxy:3128 ");
    EXPECT_EQ(parsed("http://proxy"), "proxy:80 ");
    EXPECT_EQ(parsed("http://[::1]:3128"), "[::1]:3128 ");
    EXPECT_EQ(parsed("http://[::1]"), "[::1]:80 ");
    EXPECT_EQ(parsed("http://user:pass@proxy:1"), "proxy:1 user:pass");
    EXPECT_EQ(parsed("http://user@proxy:1"), "proxy:1 user:");
    EXPECT_EQ(parsed("http://us%40er:p%3Ass%2f@proxy:1"), "proxy:1 us@er:p:ss/");
    EXPECT_EQ(parsed("http://user:p@ss/w@proxy:1/x"), "proxy:1 user:p@ss/w");
    EXPECT_EQ(parsed("http://user:100%@proxy:1"), "proxy:1 user:100%");
    EXPECT_THAT(parsed("https://proxy"), HasSubstr("https:// proxy, which is not supported"));
    EXPECT_THAT(parsed("socks5h://proxy"), HasSubstr("of a kind that is not supported"));
    for (const char* text :
         {"http://", "http://:1", "http://proxy:0", "http://proxy:99999", "http://a b", "unix:/x"})
        EXPECT_THAT(parsed(text), HasSubstr("is not a proxy's address")) << text;
}

TEST(proxy, is_for_https_alone) {
    proxy_settings settings;
    EXPECT_EQ(settings.for_url(*parse_url("https://a.s2.dev")), nullptr);
    settings.https = std::get<std::optional<proxy>>(parse_proxy("proxy:1"));
    EXPECT_NE(settings.for_url(*parse_url("https://a.s2.dev")), nullptr);
    EXPECT_EQ(settings.for_url(*parse_url("http://a.s2.dev")), nullptr);
    settings.no_proxy = ".s2.dev:8443";
    EXPECT_NE(settings.for_url(*parse_url("https://a.s2.dev")), nullptr);
    EXPECT_EQ(settings.for_url(*parse_url("https://a.s2.dev:8443")), nullptr);
}

class connecting : public system_loop {
protected:
    struct outcome {
        std::string request;
        error_code failed;
        std::string why;
        std::string after; // what the server says through it
    };

    outcome ask(std::string answer, const char* variable = "http://proxy:3128") {
        outcome seen;
        const auto by = *std::get<std::optional<proxy>>(parse_proxy(variable));
        run([&]() -> task<void> {
            auto [ours, theirs] = make_pair(env);
            co_await send(*theirs, answer + "hello");
            co_await theirs->shutdown_write();
            seen.failed = co_await connect_through(*ours, endpoint::tcp("::1", 443), by, seen.why);
            if (!seen.failed) {
                const auto rest = co_await receive_all(*ours);
                seen.after = rest ? *rest : rest.error().message();
            }
            ours->close();
            const auto request = co_await receive_all(*theirs);
            seen.request = request ? *request : request.error().message();
        });
        return seen;
    }
};

TEST_F(connecting, asks_and_takes_not_a_byte_of_the_servers) {
    const auto seen = ask("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n");
    EXPECT_FALSE(seen.failed) << seen.failed.message();
    EXPECT_EQ(seen.request, "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n");
    EXPECT_EQ(seen.why, "");
    EXPECT_EQ(seen.after, "hello");
    EXPECT_EQ(ask("HTTP/1.0 200\n\n").after, "hello");
}

TEST_F(connecting, says_who_asks) {
    EXPECT_THAT(ask("HTTP/1.1 200 OK\r\n\r\n", "http://Aladdin:open%20sesame@proxy").request,
                HasSubstr("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"));
}

TEST_F(connecting, a_refusal_is_said_in_words) {
    auto seen = ask("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n");
    EXPECT_EQ(seen.failed, make_error_code(error::proxy_refused));
    EXPECT_THAT(seen.why, HasSubstr("proxy:3128 answered 407 Proxy Authentication Required: it asks for"));
    seen = ask("HTTP/1.1 407 No\r\n\r\n", "http://user:sekrit@proxy");
    EXPECT_THAT(seen.why, HasSubstr("does not take the user and password"));
    EXPECT_THAT(seen.why, testing::Not(HasSubstr("sekrit")));
    seen = ask("HTTP/1.1 403 Forbidden\r\n\r\n");
    EXPECT_THAT(seen.why, HasSubstr("answered 403 Forbidden: it does not let this machine"));
    seen = ask("HTTP/1.1 502 \x1b[31m\r\n\r\n");
    EXPECT_EQ(seen.failed, make_error_code(error::proxy_refused));
    EXPECT_THAT(seen.why, HasSubstr("answered 502 ?[31m"));
}

TEST_F(connecting, what_is_no_http_proxy) {
    for (const char* answer :
         {"SSH-2.0-OpenSSH_9\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
          "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "\x15\x03\x01"}) {
        const auto seen = ask(answer);
        EXPECT_EQ(seen.failed, make_error_code(error::protocol)) << answer;
        EXPECT_THAT(seen.why, HasSubstr("something that is not HTTP")) << answer;
    }
}

TEST_F(connecting, its_head_is_bounded_and_may_end) {
    auto seen = ask("HTTP/1.1 200 OK\r\nx: " + std::string(20'000, 'x'));
    EXPECT_EQ(seen.failed, make_error_code(error::limit_exceeded));
    EXPECT_THAT(seen.why, HasSubstr("more than 16384 bytes"));
    seen = ask("HTTP/1.1 200 OK\r\n");
    EXPECT_TRUE(is_eof(seen.failed));
    EXPECT_THAT(seen.why, HasSubstr("without an answer"));
}

} // namespace
} // namespace net::test
