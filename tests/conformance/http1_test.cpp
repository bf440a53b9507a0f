// Unary calls over HTTP/1.1 on the same port (§1.3): what curl and the Go and TypeScript SDKs do.

#include "net/http1/client.hpp"
#include "net/tls/tls.hpp"
#include "s2/protobuf.hpp"
#include "tests/conformance/server_test.hpp"

namespace conformance {
namespace {

const net::http_field json_type{"content-type", "application/json"};

class Http1 : public server_test {
protected:
    net::task<std::unique_ptr<net::http_client>> connect() {
        const auto to = client().connections().where().account();
        auto dialled = co_await dial(to);
        if (!dialled)
            throw std::runtime_error(dialled.error().message());
        auto stream = std::move(*dialled);
        if (to.tls()) {
            net::tls_client_options options;
            options.server_name = to.host;
            options.alpn.emplace_back("http/1.1");
            options.verify = false;
            auto trust = net::tls_trust::of_nobody();
            options.trust = *trust;
            auto secured = co_await net::tls_connect(env(), std::move(stream), std::move(options));
            if (!secured)
                throw std::runtime_error(secured.error().message());
            stream = std::move(*secured);
        }
        co_return net::make_http1_client(env(), std::move(stream));
    }

    net::task<net::result<std::unique_ptr<net::stream>>> dial(net::url to) {
        if (in_process())
            return in_process()(soon());
        return env().dial(net::endpoint::tcp(to.host, to.port), soon());
    }

    net::task<raw_answer> call(net::http_client& over, std::string method, std::string target,
                               std::string body = {}, net::http_fields fields = {}) {
        const auto to = client().connections().where().account();
        net::request_head head;
        head.method = std::move(method);
        head.target = std::move(target);
        head.scheme = to.scheme;
        head.authority = to.authority();
        head.fields = std::move(fields);
        head.fields.push_back({"s2-basin", basin()});
        if (!body.empty())
            head.fields.push_back(json_type);
        auto opened = co_await over.open(head, body.empty());
        if (!opened)
            throw std::runtime_error(opened.error().message());
        const auto exchange = std::move(*opened);
        if (!body.empty()) {
            const net::asio::const_buffer whole(body.data(), body.size());
            const auto written = co_await exchange->write(std::span(&whole, 1));
            if (!written)
                co_await exchange->finish();
        }
        auto answered = co_await exchange->response();
        if (!answered)
            throw std::runtime_error(answered.error().message());
        auto content = co_await net::read_body(*exchange, 16 * 1024 * 1024);
        if (!content)
            throw std::runtime_error(content.error().message());
        raw_answer answer;
        answer.status = answered->status;
        answer.fields = std::move(answered->fields);
        answer.body = std::move(*content);
        co_return std::move(answer);
    }
};

TEST_F(Http1, TheWholeLifeOfAStreamOnOneConnection) {
    run([&]() -> net::task<> {
        const auto connection = co_await connect();
        const auto name = fresh_name();
        const auto path = "/v1/streams/" + name;
        auto answer = co_await call(*connection, "POST", "/v1/streams", R"({"stream":")" + name + R"("})");
        EXPECT_EQ(answer.status, 201u) << answer.body;
        EXPECT_EQ(net::find_field(answer.fields, "s2-provision-result"), "created");
        answer = co_await call(*connection, "POST", path + "/records",
                               R"({"records":[{"body":"one"},{"body":"two"}]})");
        EXPECT_EQ(answer.status, 200u) << answer.body;
        answer = co_await call(*connection, "GET", path + "/records/tail");
        EXPECT_EQ(answer.body.rfind(R"({"tail":{"seq_num":2,)", 0), 0u) << answer.body;
        answer = co_await call(*connection, "GET", path + "/records?seq_num=1");
        EXPECT_NE(answer.body.find(R"("body":"two")"), std::string::npos) << answer.body;
        answer = co_await call(*connection, "GET", path + "/records?seq_num=2");
        EXPECT_EQ(answer.status, 416u);
        answer =
            co_await call(*connection, "POST", path + "/records", R"({"records":[{}],"match_seq_num":9})");
        EXPECT_EQ(answer.status, 412u);
        EXPECT_EQ(answer.body, R"({"seq_num_mismatch":2})");
        answer = co_await call(*connection, "PATCH", path, R"({"retention_policy":{"age":60}})");
        EXPECT_EQ(answer.status, 200u) << answer.body;
        answer = co_await call(*connection, "GET", path);
        EXPECT_NE(answer.body.find(R"("age":60)"), std::string::npos) << answer.body;
        answer = co_await call(*connection, "DELETE", path);
        EXPECT_EQ(answer.status, 202u);
        EXPECT_EQ(answer.body, "");
        EXPECT_TRUE(connection->usable());
    });
}

TEST_F(Http1, RefusalsKeepTheConnection) {
    run([&]() -> net::task<> {
        const auto connection = co_await connect();
        auto answer = co_await call(*connection, "GET", "/v1/streams/" + fresh_name() + "/records/tail");
        EXPECT_EQ(answer.code(), "stream_not_found");
        answer = co_await call(*connection, "POST", "/v1/streams", "{");
        EXPECT_EQ(answer.code(), "bad_json");
        answer = co_await call(*connection, "GET", "/v1/streams?prefix=none-such");
        EXPECT_EQ(answer.body, R"({"streams":[],"has_more":false})");
    });
}

TEST_F(Http1, ALargeBodyAndALargeAnswer) {
    run([&]() -> net::task<> {
        const auto connection = co_await connect();
        const auto name = co_await new_stream();
        const std::string body(1000000, 'b');
        auto answer = co_await call(*connection, "POST", "/v1/streams/" + name + "/records",
                                    R"({"records":[{"body":")" + body + R"("}]})");
        EXPECT_EQ(answer.status, 200u) << answer.body;
        answer = co_await call(*connection, "GET", "/v1/streams/" + name + "/records?seq_num=0");
        EXPECT_NE(answer.body.find(body), std::string::npos);
    });
}

} // namespace
} // namespace conformance
