#pragma once
// A control API over a capture session, with a delivery whose answers the test chooses.

#include "agent/api/control.hpp"
#include "agent/sinks/live_sink.hpp"
#include "tests/unit/agent/api/http_calls.hpp"

#include <boost/json.hpp>

namespace agent::test {

class fake_delivery final : public delivery {
public:
    explicit fake_delivery(net::environment& env)
        : env_(env)
        , changed_(env) {}

    delivery_status now;
    session_account of_session;
    flush_outcome outcome = flush_outcome::durable;
    bool answers = true; // else only at the deadline
    std::vector<seq_t> flushed;

    delivery_status status() const override { return now; }

    session_account account(const session_record&) const override { return of_session; }

    net::task<flush_outcome> flush(seq_t up_to, net::time_point deadline) override {
        flushed.push_back(up_to);
        if (!answers)
            co_await net::sleep_until(env_, deadline);
        co_return outcome;
    }

    const net::condition& changed() const override { return changed_; }

private:
    net::environment& env_;
    net::condition changed_;
};

struct api_setup {
    agent_world env;
    capture_setup agent{env};
    fake_delivery sink{env};
    live_sink live{env, *agent.journal, *agent.table};
    body_memory bodies{env};
    net::stop_source stop{env};
    bool ready = true;
    bool stopping = false;
    bool metrics_only = false; // the face of --metrics-listen
    std::string token;
    access_rules access;

    net::http_handler handler() {
        access.api_token = net::secret(token);
        api_context context{env,
                            *agent.journal,
                            *agent.sessions,
                            *agent.table,
                            sink,
                            live,
                            [this] {
                                report now;
                                now.state = "running";
                                now.refused = agent.sessions->refused();
                                return now;
                            },
                            [this] { return ready; },
                            [this] { return stopping; },
                            bodies,
                            access,
                            [] { return connection_count{3, 256}; }};
        return metrics_only ? make_metrics_api(std::move(context)) : make_control_api(std::move(context));
    }

    void with_client(std::function<net::task<void>(net::http_client&)> body) {
        const auto serve = handler();
        env.world.run([&] { return with_connection(env, serve, stop, body); });
    }

    answer ask(net::request_head head, std::string body = {}) {
        answer got;
        with_client(
            [&](net::http_client& client) -> net::task<void> { got = co_await call(client, head, body); });
        return got;
    }

    answer ask(std::string method, std::string target, std::string body = {}) {
        net::http_fields fields;
        if (!body.empty())
            fields.push_back({"content-type", "application/json"});
        return ask(request(std::move(method), std::move(target), std::move(fields)), std::move(body));
    }

    answer publish_lines(std::string body) {
        return ask(request("POST", "/events/publish", {{"content-type", "application/x-ndjson"}}),
                   std::move(body));
    }
};

inline boost::json::value json_of(const answer& got) {
    boost::system::error_code ec;
    auto value = boost::json::parse(got.body, ec);
    EXPECT_FALSE(ec) << got.status << " " << got.body;
    return ec ? boost::json::value(boost::json::object{}) : value;
}

inline std::string error_code_of(const answer& got) {
    const auto value = json_of(got);
    if (!value.is_object() || !value.get_object().contains("error"))
        return "";
    const auto& error = value.at("error").as_object();
    EXPECT_FALSE(error.at("message").as_string().empty());
    EXPECT_FALSE(error.at("hint").as_string().empty());
    return std::string(std::string_view(error.at("code").as_string()));
}

inline std::vector<std::string> members_of(const answer& got) {
    std::vector<std::string> names;
    const auto whole = json_of(got);
    for (const auto& member : whole.as_object())
        names.emplace_back(std::string_view(member.key()));
    return names;
}

} // namespace agent::test
