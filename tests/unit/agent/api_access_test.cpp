#include "agent/api_access.hpp"
#include "control_api_setup.hpp"

namespace agent::test {
namespace {

std::string refusal(std::string host, std::string origin = {}, std::string peer = "127.0.0.1:4000",
                    std::string token = {}, std::string authorization = {}, std::string path = "/status") {
    auto head = request("GET", std::move(path));
    head.authority = std::move(host);
    if (!origin.empty())
        head.fields.push_back({"origin", origin});
    if (!authorization.empty())
        head.fields.push_back({"authorization", authorization});
    const auto refused = refuse_access(head, peer, token);
    return refused ? refused->code : "";
}

TEST(api_access, programs_on_this_machine_may_call) {
    for (const char* host : {"localhost", "LOCALHOST:10001", "agent.localhost", "127.0.0.1:10001",
                             "[::1]:10001", "10.0.0.7", ""})
        EXPECT_EQ(refusal(host), "") << host;
    EXPECT_EQ(refusal("anything", {}, "unix:"), "");
}

TEST(api_access, web_pages_may_not) {
    EXPECT_EQ(refusal("localhost:10001", "https://evil.example"), "forbidden_origin");
    EXPECT_EQ(refusal("localhost:10001", "http://localhost:3000"), "forbidden_origin");
    EXPECT_EQ(refusal("localhost:10001", "null"), "forbidden_origin");
    EXPECT_EQ(refusal("localhost:10001", "http://localhost:10001"), "");
    // A name of theirs that resolves to us.
    EXPECT_EQ(refusal("evil.example:10001", "http://evil.example:10001"), "forbidden_host");
    EXPECT_EQ(refusal("evil.example:10001"), "forbidden_host");
    EXPECT_EQ(refusal("127.0.0.1.evil.example"), "forbidden_host");
    EXPECT_EQ(refusal("beef.cafe"), "forbidden_host");
}

TEST(api_access, a_token_is_asked_for_where_one_is_set) {
    const auto with = [](std::string authorization, std::string path = "/status") {
        return refusal("agent.example", {}, "10.0.0.1:9", "secret", std::move(authorization),
                       std::move(path));
    };
    EXPECT_EQ(with("Bearer secret"), "");
    EXPECT_EQ(with("bearer secret"), "");
    for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Bearer Secret",
                              "Basic secret", "secret"})
        EXPECT_EQ(with(wrong), "unauthorized") << wrong;
    EXPECT_EQ(with("", "/healthz"), "");
    EXPECT_EQ(with("", "/readyz"), "");
}

TEST(api_access, is_checked_before_anything_is_done) {
    api_setup api;
    api.token = "secret";
    const auto got = api.ask("POST", "/events/capture_session");
    EXPECT_EQ(got.status, 401u);
    EXPECT_EQ(net::find_field(got.fields, "www-authenticate"), "Bearer");
    EXPECT_FALSE(api.agent.sessions->active());
    EXPECT_EQ(got.body.find("secret"), std::string::npos);
    EXPECT_EQ(api.ask("GET", "/events/nothing").status, 401u) << "nor does it tell which paths exist";
    EXPECT_EQ(
        api.ask(request("POST", "/events/capture_session", {{"authorization", "Bearer secret"}})).status,
        201u);
    api.token.clear();
    EXPECT_EQ(api.ask(request("GET", "/status", {{"origin", "https://evil.example"}})).status, 403u);
}

} // namespace
} // namespace agent::test
