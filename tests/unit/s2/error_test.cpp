#include "s2/error.hpp"

#include <boost/asio/error.hpp>

#include <gtest/gtest.h>

namespace s2 {
namespace {

struct answer {
    unsigned status;
    const char* code;
    verdict asks_for;
};

// Every row of §2.4.
constexpr answer answers[] = {
    {400, "bad_json", verdict::fatal},
    {400, "bad_query", verdict::fatal},
    {400, "bad_path", verdict::fatal},
    {400, "bad_header", verdict::fatal},
    {400, "bad_proto", verdict::fatal},
    {400, "bad_frame", verdict::fatal},
    {400, "decryption_failed", verdict::fatal},
    {401, "authn", verdict::park_sink},
    {403, "permission_denied", verdict::park_stream},
    {403, "quota_exhausted", verdict::park_sink},
    {404, "basin_not_found", verdict::park_sink},
    {404, "stream_not_found", verdict::not_found},
    {404, "access_token_not_found", verdict::fatal},
    {408, "request_timeout", verdict::retry_ambiguous},
    {409, "resource_already_exists", verdict::exists},
    {409, "basin_deletion_pending", verdict::park_sink},
    {409, "stream_deletion_pending", verdict::gone},
    {409, "transaction_conflict", verdict::retry},
    {422, "invalid", verdict::fatal},
    {429, "rate_limited", verdict::retry},
    {499, "client_hangup", verdict::retry_ambiguous},
    {500, "other", verdict::retry_ambiguous},
    {500, "storage", verdict::retry_ambiguous},
    {501, "not_implemented", verdict::fatal},
    {502, "hot_server", verdict::retry},
    {503, "server_draining", verdict::retry},
    {503, "unavailable", verdict::retry_ambiguous},
    {504, "upstream_timeout", verdict::retry_ambiguous},
};

std::string body_of(const char* code) {
    return std::string(R"({"code":")") + code + R"(","message":"words"})";
}

TEST(Classify, EveryRowOfTheTable) {
    for (const auto& each : answers) {
        const auto failure = error::from_response(each.status, body_of(each.code));
        EXPECT_EQ(name_of(classify(failure)), name_of(each.asks_for)) << failure.text();
        EXPECT_EQ(failure.text(), std::to_string(each.status) + " " + each.code + ": words");
    }
}

TEST(Classify, ACodeUnderAnotherStatusIsNeverWithoutEffect) {
    for (const auto& each : answers)
        for (unsigned status = 100; status < 600; ++status) {
            const bool known = std::any_of(std::begin(answers), std::end(answers), [&](const answer& row) {
                return row.status == status && std::string_view(row.code) == each.code;
            });
            if (known)
                continue;
            EXPECT_NE(classify(error::from_response(status, body_of(each.code))), verdict::retry)
                << status << each.code;
        }
}

TEST(Classify, ForeignBodiesFallBackByStatus) {
    for (const char* body :
         {"", "<html>", "null", "[]", "{", R"({"code":7})", R"({"code":"something_new"})"}) {
        const auto asks = [&](unsigned status) { return classify(error::from_response(status, body)); };
        for (const unsigned status : {408u, 429u, 500u, 502u, 503u, 504u, 520u})
            EXPECT_EQ(asks(status), verdict::retry_ambiguous) << status << body;
        for (const unsigned status : {401u, 403u, 404u})
            EXPECT_EQ(asks(status), verdict::park_sink) << status << body;
        for (const unsigned status : {204u, 301u, 400u, 405u, 409u, 412u, 413u, 415u, 422u, 431u, 501u})
            EXPECT_EQ(asks(status), verdict::fatal) << status << body;
        EXPECT_EQ(asks(416), verdict::range);
    }
}

TEST(Error, AnAnswerThatWasCutOffIsLostWithItsConnection) {
    const auto whole = error::from_answer(404, std::string(R"({"code":"basin_not_found"})"), {});
    EXPECT_TRUE(whole.is_code("basin_not_found"));
    const net::error_code reset = boost::asio::error::connection_reset;
    const auto cut = error::from_answer(404, reset, reset);
    EXPECT_EQ(cut.what, error::kind::transport);
    EXPECT_EQ(cut.transport, reset);
    EXPECT_EQ(classify(cut), verdict::retry_ambiguous);
    const auto endless = error::from_answer(404, make_error_code(net::error::limit_exceeded), {});
    EXPECT_EQ(endless.status, 404u);
}

TEST(Error, ConditionsAreRead) {
    const auto seq = error::from_response(412, R"({"seq_num_mismatch":18446744073709551615})");
    EXPECT_EQ(seq.seq_num_mismatch, ~0ull);
    EXPECT_FALSE(seq.fencing_token_mismatch);
    EXPECT_EQ(classify(seq), verdict::condition_failed);
    const auto token = error::from_response(412, R"({"fencing_token_mismatch":""})");
    EXPECT_EQ(token.fencing_token_mismatch, "");
    EXPECT_EQ(classify(token), verdict::condition_failed);
    for (const char* bad :
         {R"({"seq_num_mismatch":-1})", R"({"seq_num_mismatch":1.5})", R"({"seq_num_mismatch":"1"})"})
        EXPECT_EQ(classify(error::from_response(412, bad)), verdict::fatal) << bad;
}

// The same words under another status are that status, and no more.
TEST(Error, OnlyA412IsACondition) {
    for (const unsigned status : {200u, 400u, 409u, 416u, 500u}) {
        const auto failure = error::from_response(status, R"({"seq_num_mismatch":5})");
        EXPECT_EQ(failure.what, error::kind::api) << status;
        EXPECT_FALSE(failure.seq_num_mismatch) << status;
        EXPECT_NE(classify(failure), verdict::condition_failed) << status;
    }
}

TEST(Error, OnlyA416IsARange) {
    for (const unsigned status : {200u, 400u, 412u, 500u}) {
        const auto failure = error::from_response(status, R"({"tail":{"seq_num":5,"timestamp":6}})");
        EXPECT_EQ(failure.what, error::kind::api) << status;
        EXPECT_FALSE(failure.tail) << status;
    }
}

TEST(Error, ATailWithoutItsTimestampIsNone) {
    for (const char* body :
         {R"({"tail":{"seq_num":5}})", R"({"tail":{"timestamp":5}})", R"({"tail":5})", "{}"}) {
        const auto failure = error::from_response(416, body);
        EXPECT_EQ(failure.what, error::kind::api) << body;
        EXPECT_FALSE(failure.tail) << body;
    }
}

TEST(Error, ARangeErrorHasTheTail) {
    const auto failure = error::from_response(416, R"({"tail":{"seq_num":5,"timestamp":6}})");
    EXPECT_EQ(failure.what, error::kind::range);
    EXPECT_EQ(failure.tail, (stream_position{5, 6}));
    EXPECT_EQ(classify(failure), verdict::range);
}

// They reach logs, the status file and answers.
TEST(Error, AServersWordsArePrintableAndShort) {
    const auto escaped =
        error::from_response(500, R"({"code":"other\r","message":"a\u001b[31mb\nc \u00e9"})");
    EXPECT_EQ(escaped.text(), "500 other : a [31mb c \xC3\xA9");
    EXPECT_EQ(error::from_response(502, "Bad \xFF Gateway\r\n").message, "Bad ? Gateway  ");
    const std::string endless = "<" + std::string(5000, 'x');
    EXPECT_EQ(error::from_response(502, endless).message.size(), 512u);
    std::string cut(511, 'x');
    EXPECT_EQ(error::from_response(502, cut + "\xC3\xA9").message, cut);
    EXPECT_EQ(error::from_response(500, R"({"message":")" + cut + "\xC3\xA9\"}").message, cut);
}

TEST(Classify, TransportFailures) {
    const net::error_code codes[] = {
        net::make_error_code(net::error::eof),
        net::make_error_code(net::error::timed_out),
        net::make_error_code(net::error::protocol),
        net::make_error_code(net::error::going_away),
        net::make_error_code(net::error::refused_stream),
        net::make_error_code(net::error::stream_reset),
        net::make_error_code(net::error::tls_verify),
        net::make_error_code(net::error::tls_alpn),
        net::make_error_code(net::error::unresolved),
        net::make_error_code(net::error::proxy_refused),
        net::make_error_code(net::error::limit_exceeded),
        boost::asio::error::connection_refused,
        boost::asio::error::connection_reset,
        boost::asio::error::broken_pipe,
        boost::asio::error::network_unreachable,
        boost::asio::error::host_unreachable,
        boost::asio::error::no_descriptors,
    };
    for (const auto& code : codes) {
        EXPECT_EQ(classify(error::from_transport(code, false)), verdict::retry) << code.message();
        EXPECT_EQ(classify(error::from_transport(code, true)), verdict::retry_ambiguous) << code.message();
    }
    for (const bool sent : {false, true})
        EXPECT_EQ(classify(error::from_transport(boost::asio::error::operation_aborted, sent)),
                  verdict::cancelled);
}

TEST(Classify, OurOwnRefusals) {
    EXPECT_EQ(classify(error::from_protocol("p")), verdict::fatal);
    EXPECT_EQ(classify(error::from_invalid("i")), verdict::fatal);
    EXPECT_EQ(classify(error::from_credentials("c")), verdict::park_sink);
    EXPECT_FALSE(error::from_invalid("i").sent);
    EXPECT_FALSE(error::from_credentials("c").sent);
}

TEST(Error, TextSaysWhatHappenedAndNothingElse) {
    EXPECT_EQ(
        error::from_transport(net::make_error_code(net::error::tls_verify), false, "cannot connect to a:443")
            .text(),
        "cannot connect to a:443: certificate verification failed");
    EXPECT_EQ(
        error::from_response(412, R"({"fencing_token_mismatch":"their-token"})").text().find("their-token"),
        std::string::npos);
    const auto foreign = error::from_response(503, "<html>\x1b[31m\r\n" + std::string(10000, 'x'));
    EXPECT_LT(foreign.text().size(), 600u);
    EXPECT_EQ(foreign.text().find('\x1b'), std::string::npos);
    EXPECT_EQ(foreign.text().find('\n'), std::string::npos);
}

} // namespace
} // namespace s2
