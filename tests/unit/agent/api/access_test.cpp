#include "agent/api/access.hpp"
#include "tests/unit/agent/api/control_setup.hpp"

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
    const auto refused = refuse_access(head, peer, {net::secret(token), {}, {}});
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

TEST(api_access, what_the_browser_says_of_the_caller_counts) {
    const auto said = [](const char* site) {
        auto head = request("GET", "/status");
        head.fields.push_back({"sec-fetch-site", site});
        return refuse_access(head, "127.0.0.1:1", {}).has_value();
    };
    EXPECT_TRUE(said("cross-site"));
    EXPECT_TRUE(said("same-site"));
    EXPECT_FALSE(said("same-origin"));
    EXPECT_FALSE(said("none"));
}

net::request_head from_page(std::string method, std::string path, std::string origin) {
    return request(std::move(method), std::move(path),
                   {{"origin", origin}, {"sec-fetch-site", "cross-site"}});
}

TEST(api_access, extensions_may_post_telemetry_events_and_nothing_else) {
    const auto refused = [](std::string method, std::string path, std::string origin,
                            access_rules rules = {}) {
        return refuse_access(from_page(method, path, origin), "127.0.0.1:1", rules).has_value();
    };
    EXPECT_FALSE(refused("POST", "/telemetry/events", "chrome-extension://abc"));
    EXPECT_TRUE(refused("POST", "/events/publish", "chrome-extension://abc"));
    EXPECT_TRUE(refused("GET", "/telemetry/events", "chrome-extension://abc"));
    EXPECT_TRUE(refused("POST", "/telemetry/events", "https://page.example"));
    const access_rules nobody{{}, std::vector<std::string>{}, {}};
    EXPECT_TRUE(refused("POST", "/telemetry/events", "chrome-extension://abc", nobody));
    const access_rules some{{}, std::vector<std::string>{"https://*.app.example", "https://one.example"}, {}};
    EXPECT_FALSE(refused("GET", "/status", "https://x.app.example", some));
    EXPECT_FALSE(refused("GET", "/status", "https://one.example", some));
    EXPECT_TRUE(refused("GET", "/status", "https://one.example.evil.example", some));
    EXPECT_TRUE(refused("GET", "/status", "http://one.example", some));
    EXPECT_TRUE(refused("POST", "/telemetry/events", "chrome-extension://abc", some));
}

TEST(api_access, names_of_ours_may_be_added) {
    auto head = request("GET", "/status");
    head.authority = "Agent.Example:10001";
    EXPECT_TRUE(refuse_access(head, "10.0.0.1:1", {}));
    EXPECT_FALSE(refuse_access(head, "10.0.0.1:1", {{}, {}, {"agent.example"}}));
}

TEST(api_access, preflights_are_answered_for_allowed_origins) {
    api_setup api;
    api.token = "secret";
    api.access.origins = std::vector<std::string>{"https://app.example"};
    const auto asked = [&](std::string origin) {
        return api.ask(
            request("OPTIONS", "/status", {{"origin", origin}, {"access-control-request-method", "GET"}}));
    };
    const auto granted = asked("https://app.example");
    EXPECT_EQ(granted.status, 204u);
    EXPECT_EQ(net::find_field(granted.fields, "access-control-allow-origin"), "https://app.example");
    EXPECT_EQ(net::find_field(granted.fields, "access-control-allow-methods"), "GET");
    const auto refused = asked("https://evil.example");
    EXPECT_EQ(refused.status, 403u);
    EXPECT_EQ(net::find_field(refused.fields, "access-control-allow-origin"), "");
    // The call itself has to bring the token, and its answer may be read by the page.
    auto call = request("GET", "/status", {{"origin", "https://app.example"}});
    EXPECT_EQ(api.ask(call).status, 401u);
    call.fields.push_back({"authorization", "Bearer secret"});
    const auto got = api.ask(call);
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(net::find_field(got.fields, "access-control-allow-origin"), "https://app.example");
}

TEST(api_access, patterns) {
    EXPECT_TRUE(matches("*", ""));
    EXPECT_TRUE(matches("a*c", "abbc"));
    EXPECT_TRUE(matches("a*c", "ac"));
    EXPECT_FALSE(matches("a*c", "acd"));
    EXPECT_TRUE(matches("*b*", "abc"));
    EXPECT_FALSE(matches("abc", "abcd"));
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
