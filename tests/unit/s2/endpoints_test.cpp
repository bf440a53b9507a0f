#include "net/system/environment.hpp"
#include "s2/credentials.hpp"
#include "s2/endpoints.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <type_traits>

namespace s2 {
namespace {

TEST(Endpoints, TheCloudNamesTheBasinInTheHost) {
    const endpoints cloud;
    EXPECT_EQ(cloud.account().text(), "https://a.s2.dev/v1");
    EXPECT_EQ(cloud.basin("my-basin").text(), "https://my-basin.b.s2.dev/v1");
    EXPECT_FALSE(cloud.names_basin_in_header());
    EXPECT_EQ(endpoints::parse("", "").value(), cloud);
}

TEST(Endpoints, ConfiguredOnesNameItInTheHeaderToo) {
    const auto shared = endpoints::parse("http://127.0.0.1:4000", "http://127.0.0.1:4000").value();
    EXPECT_EQ(shared.basin("my-basin").text(), "http://127.0.0.1:4000/v1");
    EXPECT_TRUE(shared.names_basin_in_header());
    const auto own =
        endpoints::parse("https://a.example", "https://x.{basin}.example:8443/api/{basin}").value();
    EXPECT_EQ(own.basin("my-basin").text(), "https://x.my-basin.example:8443/api/my-basin");
    EXPECT_TRUE(own.names_basin_in_header());
}

TEST(Endpoints, WhatIsNoUrlIsRefusedWithItsText) {
    for (const char* bad : {"ftp://x", "http://", "http://x:99999", "http://x y"}) {
        for (const auto& outcome : {endpoints::parse(bad, ""), endpoints::parse("", bad)}) {
            ASSERT_FALSE(outcome) << bad;
            EXPECT_EQ(outcome.error().what, error::kind::invalid);
            EXPECT_NE(outcome.error().text().find(bad), std::string::npos);
        }
    }
}

TEST(Endpoints, AHostThatOnlyShortNamesFitIsRefused) {
    std::string names;
    for (int i = 0; i < 5; ++i)
        names += "{basin}.";
    const std::string longest(basin_name_bytes_max, 'b');
    EXPECT_EQ(endpoints::parse("", "https://" + names + "example").value().basin(longest).host.size(), 252u);
    EXPECT_FALSE(endpoints::parse("", "https://" + names + "{basin}"));
}

TEST(Endpoints, Segments) {
    EXPECT_EQ(encode_segment("a/b c"), "a%2Fb%20c");
    EXPECT_EQ(encode_segment("AZaz09-._~"), "AZaz09-._~");
    EXPECT_EQ(encode_segment("+%?#&=\xC3\xA4\n"), "%2B%25%3F%23%26%3D%C3%A4%0A");
}

template <class T, class = void>
struct printable : std::false_type {};

template <class T>
struct printable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<const T&>())>>
    : std::true_type {};

static_assert(!printable<secret>::value, "a secret has no way into a log");

TEST(Credentials, NoneAndFixed) {
    credentials none;
    EXPECT_TRUE(none.bearer().value().empty());
    credentials fixed{secret("token")};
    EXPECT_EQ(fixed.bearer().value().reveal(), "token");
    credentials broken{secret("to\nken")};
    EXPECT_EQ(broken.bearer().error().what, error::kind::credentials);
}

TEST(Credentials, AMovedSecretLeavesNothing) {
    secret one("short");
    const secret other(std::move(one));
    EXPECT_EQ(other.reveal(), "short");
    EXPECT_TRUE(one.empty()); // NOLINT(bugprone-use-after-move): that is the point
}

class TokenFile : public testing::Test {
protected:
    ~TokenFile() override { std::filesystem::remove(path); }

    void write(std::string_view text) const { std::ofstream(path, std::ios::trunc) << text; }

    net::asio::io_context loop;
    net::system_environment env{loop};
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("ringtail-token-" + net::random_uuid(env));
};

TEST_F(TokenFile, IsTrimmedAndReadAgainWhenItChanges) {
    credentials from_file(env, path);
    EXPECT_EQ(from_file.bearer().error().what, error::kind::credentials);
    write("  first\r\n\n");
    EXPECT_EQ(from_file.bearer().value().reveal(), "first");
    write("second-token\n");
    EXPECT_EQ(from_file.bearer().value().reveal(), "second-token");
    from_file.refresh();
    EXPECT_EQ(from_file.bearer().value().reveal(), "second-token");
}

TEST_F(TokenFile, WhatIsNoTokenIsSaidWithoutItsContent) {
    credentials from_file(env, path);
    for (const char* bad : {"", " \n", "two words", "line\nline"}) {
        write(bad);
        const auto outcome = from_file.bearer();
        ASSERT_FALSE(outcome) << bad;
        EXPECT_EQ(classify(outcome.error()), verdict::park_sink);
        EXPECT_EQ(outcome.error().text().find("words"), std::string::npos);
    }
    write(std::string(token_file_bytes_max + 1, 't'));
    EXPECT_FALSE(from_file.bearer());
}

} // namespace
} // namespace s2
