#include "net/endpoint.hpp"

#include <gtest/gtest.h>

namespace net {
namespace {

namespace errc = boost::system::errc;

TEST(endpoint_test, texts_and_endpoints_correspond) {
    for (const char* text :
         {"127.0.0.1:10001", "localhost:80", "[::1]:443", "unix:/run/ringtail.sock", "a-b.c_d:0"}) {
        const auto parsed = parse_endpoint(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->text(), text);
    }
    EXPECT_EQ(*parse_endpoint("[fe80::1%lo]:8"), endpoint::tcp("fe80::1%lo", 8));
    EXPECT_EQ(*parse_endpoint("unix:relative"), endpoint::unix_path("relative"));
}

TEST(endpoint_test, what_is_no_endpoint_is_refused) {
    for (const char* text :
         {"", ":", ":80", "host", "host:", "host:65536", "host:-1", "host:8x", "host: 8", "::1:80", "[::1]",
          "[::1]80", "[::1", "[host]:80", "a b:80", "a/b:80", "unix:", "host:80:80"})
        EXPECT_EQ(parse_endpoint(text).error(), errc::make_error_condition(errc::invalid_argument)) << text;
}

TEST(endpoint_test, loopback_is_what_no_other_machine_reaches) {
    for (const char* text :
         {"localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/x"})
        EXPECT_TRUE(parse_endpoint(text)->loopback()) << text;
    for (const char* text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "localhost.example:1", "128.0.0.1:1"})
        EXPECT_FALSE(parse_endpoint(text)->loopback()) << text;
}

TEST(url_test, parts_and_defaults) {
    const auto cloud = *parse_url("https://aws.s2.dev/v1/");
    EXPECT_EQ(cloud, (url{"https", "aws.s2.dev", 443, "/v1"}));
    EXPECT_TRUE(cloud.tls());
    EXPECT_EQ(cloud.authority(), "aws.s2.dev");
    EXPECT_EQ(cloud.text(), "https://aws.s2.dev/v1");
    EXPECT_EQ(*parse_url("http://localhost"), (url{"http", "localhost", 80, ""}));
    EXPECT_EQ(*parse_url("s2.dev:8443"), (url{"https", "s2.dev", 8443, ""}));
    EXPECT_EQ(parse_url("http://[::1]:8080/")->authority(), "[::1]:8080");
    EXPECT_EQ(parse_url("http://h:443")->authority(), "h:443");
    EXPECT_EQ(parse_url("https://h:443")->authority(), "h");
}

TEST(url_test, what_is_no_url_is_refused) {
    for (const char* text :
         {"", "http://", "ftp://h", "http:///path", "http://user@h", "http://h:0", "http://h:x",
          "http://h/?q", "http://h/#f", "http://h/a b", "http://h/\x01", "HTTP://h", "://h"})
        EXPECT_EQ(parse_url(text).error(), errc::make_error_condition(errc::invalid_argument)) << text;
}

} // namespace
} // namespace net
