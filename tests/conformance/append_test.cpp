// Unary appends (§2.5, §2.9, §5, §6).

#include "s2/protobuf.hpp"
#include "tests/conformance/server_test.hpp"

namespace conformance {
namespace {

using s2::verdict;

class Append : public server_test {};

const net::http_field json_type{"content-type", "application/json"};

TEST_F(Append, AcksSayWhere) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto first = co_await append(stream, texts("a", "b"));
        EXPECT_EQ(first.start.seq_num, 0u);
        EXPECT_EQ(first.end.seq_num, 2u);
        EXPECT_EQ(first.tail.seq_num, 2u);
        const auto second = co_await append(stream, texts("c"));
        EXPECT_EQ(second.start.seq_num, 2u);
        EXPECT_EQ(second.end.seq_num, 3u);
        auto checked = co_await client().check_tail(stream, soon());
        const auto tail = must(std::move(checked));
        EXPECT_EQ(tail.seq_num, 3u);
        EXPECT_EQ(tail.timestamp, second.end.timestamp);
    });
}

TEST_F(Append, JsonRawAndBase64) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto path = "/v1/streams/" + stream + "/records";
        net::http_fields raw_format{json_type};
        std::string body = R"({"records":[{"headers":[["k","v"]],"body":"hé"},{}],"match_seq_num":0})";
        auto acked = co_await raw_in_basin("POST", path, raw_format, body);
        EXPECT_EQ(acked.status, 200u) << acked.body;
        EXPECT_NE(acked.body.find(R"("start":{"seq_num":0,)"), std::string::npos) << acked.body;
        net::http_fields base64{json_type, {"s2-format", "base64"}};
        body = R"({"records":[{"headers":[["aw==","dg=="]],"body":"/w=="}],"match_seq_num":2})";
        acked = co_await raw_in_basin("POST", path, base64, body);
        EXPECT_EQ(acked.status, 200u) << acked.body;
        const auto records = co_await read_all(stream);
        EXPECT_EQ(records.size(), 3u);
        EXPECT_EQ(records.at(0).body, "hé");
        EXPECT_EQ(records.at(0).headers.at(0), (s2::header{"k", "v"}));
        EXPECT_EQ(records.at(1).body, "");
        EXPECT_EQ(records.at(2).body, "\xFF");
        EXPECT_EQ(records.at(2).headers.at(0), (s2::header{"k", "v"}));
        net::http_fields plain;
        auto read = co_await raw_in_basin("GET", path + "?seq_num=2", plain);
        EXPECT_NE(read.body.find("\xEF\xBF\xBD"), std::string::npos) << read.body;
        net::http_fields safe{{"s2-format", "base64"}};
        read = co_await raw_in_basin("GET", path + "?seq_num=2", safe);
        EXPECT_NE(read.body.find(R"("body":"/w==")"), std::string::npos) << read.body;
    });
}

TEST_F(Append, BadJsonIsRefused) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto path = "/v1/streams/" + stream + "/records";
        const struct {
            const char* body;
            unsigned status;
            const char* code;
        } cases[] = {
            {"{", 400, "bad_json"},
            {R"({})", 400, "bad_json"},
            {R"({"records":[]})", 422, "invalid"},
            {R"({"records":[{"body":7}]})", 400, "bad_json"},
            {R"({"records":[{}],"match_seq_num":"x"})", 400, "bad_json"},
            {R"({"records":[{}],"fencing_token":"1234567890123456789012345678901234567"})", 400, "bad_json"},
            {R"({"records":[{"headers":[["","nothing"]],"body":""}]})", 422, "invalid"},
        };
        for (const auto& each : cases) {
            net::http_fields fields{json_type};
            const auto answer = co_await raw_in_basin("POST", path, fields, each.body);
            EXPECT_EQ(answer.status, each.status) << each.body;
            EXPECT_EQ(answer.code(), each.code) << each.body;
        }
        net::http_fields no_type;
        auto answer = co_await raw_in_basin("POST", path, no_type, R"({"records":[{}]})");
        EXPECT_EQ(answer.code(), "bad_json");
        net::http_fields bad_format{json_type, {"s2-format", "RAW"}};
        answer = co_await raw_in_basin("POST", path, bad_format, R"({"records":[{}]})");
        EXPECT_EQ(answer.code(), "bad_header");
        net::http_fields safe{json_type, {"s2-format", "base64"}};
        answer = co_await raw_in_basin("POST", path, safe, R"({"records":[{"body":"/w"}]})");
        EXPECT_EQ(answer.status, 422u) << answer.body;
        net::http_fields protobuf{{"content-type", "application/protobuf"}};
        answer = co_await raw_in_basin("POST", path, protobuf, "\xFF\xFF");
        EXPECT_EQ(answer.code(), "bad_proto");
        const auto tail = co_await append(stream, texts("x"));
        EXPECT_EQ(tail.start.seq_num, 0u);
    });
}

TEST_F(Append, SeqConditions) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        auto input = input_of(texts("a"));
        input.match_seq_num = 1;
        auto refused = co_await try_append(stream, input);
        EXPECT_EQ(must_fail(std::move(refused)).seq_num_mismatch, 0u);
        input.match_seq_num = 0;
        auto acked = co_await try_append(stream, input);
        EXPECT_EQ(must(std::move(acked)).start.seq_num, 0u);
        refused = co_await try_append(stream, input);
        EXPECT_EQ(must_fail(std::move(refused)).seq_num_mismatch, 1u);
    });
}

TEST_F(Append, ConditionBodiesHaveOneKey) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto path = "/v1/streams/" + stream + "/records";
        net::http_fields fields{json_type};
        auto answer = co_await raw_in_basin("POST", path, fields, R"({"records":[{}],"match_seq_num":9})");
        EXPECT_EQ(answer.status, 412u);
        EXPECT_EQ(answer.body, R"({"seq_num_mismatch":0})");
        answer = co_await raw_in_basin("POST", path, fields,
                                       R"({"records":[{}],"match_seq_num":9,"fencing_token":"x"})");
        EXPECT_EQ(answer.status, 412u);
        EXPECT_EQ(answer.body, R"({"fencing_token_mismatch":""})");
    });
}

TEST_F(Append, Fencing) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        s2::append_input fence;
        fence.records = {s2::fence_command("w1"), record("same batch")};
        fence.fencing_token = "";
        auto acked = co_await try_append(stream, fence); // its own batch is checked against the old token
        EXPECT_EQ(must(std::move(acked)).end.seq_num, 2u);
        auto input = input_of(texts("a"));
        input.fencing_token = "";
        auto refused = co_await try_append(stream, input);
        EXPECT_EQ(must_fail(std::move(refused)).fencing_token_mismatch, "w1");
        input.match_seq_num = 77; // the token comes first
        refused = co_await try_append(stream, input);
        const auto both = must_fail(std::move(refused));
        EXPECT_EQ(both.fencing_token_mismatch, "w1");
        EXPECT_FALSE(both.seq_num_mismatch);
        input.match_seq_num = 2;
        input.fencing_token = "w1";
        acked = co_await try_append(stream, input);
        EXPECT_EQ(must(std::move(acked)).start.seq_num, 2u);
        const auto unfenced = co_await append(stream, texts("no token is always let in"));
        EXPECT_EQ(unfenced.start.seq_num, 3u);
        fence.records = {s2::fence_command("")};
        fence.fencing_token = "w1";
        acked = co_await try_append(stream, fence);
        must(std::move(acked));
        input.match_seq_num = 5;
        input.fencing_token = "";
        acked = co_await try_append(stream, input);
        EXPECT_EQ(must(std::move(acked)).start.seq_num, 5u);
        const auto records = co_await read_all(stream);
        EXPECT_EQ(s2::fence_of(records.at(0)), "w1");
        EXPECT_EQ(s2::fence_of(records.at(4)), "");
    });
}

TEST_F(Append, Trim) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        co_await append(stream, texts("a", "b", "c", "d"));
        s2::append_input trim;
        trim.records = {s2::trim_command(2)};
        auto acked = co_await try_append(stream, trim);
        EXPECT_EQ(must(std::move(acked)).end.seq_num, 5u);
        // Deletion is eventual.
        std::vector<s2::sequenced_record> left;
        for (const auto until = soon(); env().now() < until;) {
            left = co_await read_all(stream);
            if (left.size() == 3)
                break;
            co_await net::sleep_until(env(), env().now() + 50ms);
        }
        EXPECT_EQ(left.size(), 3u);
        EXPECT_EQ(left.at(0).seq_num, 2u);
        EXPECT_EQ(s2::trim_of(left.at(2).headers, left.at(2).body), 2u);
        const auto next = co_await append(stream, texts("e"));
        EXPECT_EQ(next.start.seq_num, 5u);
    });
}

TEST_F(Append, LimitsAreExact) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        auto acked = co_await append(stream, texts(std::string(s2::record_metered_bytes_max - 8, 'x')));
        EXPECT_EQ(acked.end.seq_num, 1u);
        acked = co_await append(stream, std::vector<std::string>(s2::batch_records_max, "y"));
        EXPECT_EQ(acked.end.seq_num, 1001u);
        const auto path = "/v1/streams/" + stream + "/records";
        s2::append_input input;
        const auto refused = [&](const s2::append_input& bad) {
            std::string body;
            s2::encode_append_input(bad, body);
            net::http_fields fields{{"content-type", "application/protobuf"}};
            return raw_in_basin("POST", path, std::move(fields), std::move(body));
        };
        input.records.assign(s2::batch_records_max + 1, record("y"));
        auto answer = co_await refused(input);
        EXPECT_EQ(answer.code(), "invalid") << answer.body;
        input = input_of(texts(std::string(s2::record_metered_bytes_max - 7, 'x')));
        answer = co_await refused(input);
        EXPECT_EQ(answer.code(), "invalid") << answer.body;
        input = input_of(texts(std::string(s2::record_metered_bytes_max - 8, 'x'), ""));
        answer = co_await refused(input);
        EXPECT_EQ(answer.code(), "invalid") << answer.body;
        input = input_of(texts("x"));
        input.fencing_token = std::string(37, 't');
        answer = co_await refused(input);
        EXPECT_EQ(answer.code(), "invalid") << answer.body;
        for (auto bad : {s2::fence_command(std::string(37, 't')), s2::fence_command("\xFF")}) {
            input.fencing_token.reset();
            input.records = {std::move(bad)};
            answer = co_await refused(input);
            EXPECT_EQ(answer.code(), "invalid") << answer.body;
        }
        input.records = {s2::trim_command(1)};
        input.records[0].body += "x";
        answer = co_await refused(input);
        EXPECT_EQ(answer.code(), "invalid") << answer.body;
        input.records = {record("x")};
        input.records[0].headers = {{"", "fence"}, {"k", "v"}};
        answer = co_await refused(input);
        EXPECT_EQ(answer.code(), "invalid") << answer.body;
        auto checked = co_await client().check_tail(stream, soon());
        EXPECT_EQ(must(std::move(checked)).seq_num, 1001u);
    });
}

TEST_F(Append, HeadersKeepOrderAndBytes) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        s2::append_input input;
        input.records = {record(std::string("\0\xFF\n", 3))};
        input.records[0].headers = {{"b", "1"}, {"a", ""}, {"b", "\xFF"}, {"\xFE", "x"}};
        auto acked = co_await try_append(stream, input);
        must(std::move(acked));
        const auto records = co_await read_all(stream);
        EXPECT_EQ(records.at(0).headers, input.records[0].headers);
        EXPECT_EQ(records.at(0).body, input.records[0].body);
    });
}

TEST_F(Append, TimestampsAreCappedAndMonotonic) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        s2::append_input input;
        input.records = {record("old"), record("none"), record("older"), record("future")};
        input.records[0].timestamp = 1000;
        input.records[2].timestamp = 500;
        input.records[3].timestamp = ~0ull;
        auto acked = co_await try_append(stream, input);
        const auto ack = must(std::move(acked));
        const auto records = co_await read_all(stream);
        EXPECT_EQ(records.at(0).timestamp, 1000u);
        EXPECT_GT(records.at(1).timestamp, 1600000000000u);
        EXPECT_EQ(records.at(2).timestamp, records.at(1).timestamp);
        EXPECT_GE(records.at(3).timestamp, records.at(2).timestamp);
        EXPECT_LT(records.at(3).timestamp, 1ull << 62);
        EXPECT_EQ(ack.end.timestamp, records.at(3).timestamp);
    });
}

TEST_F(Append, ClientRequireAndUncapped) {
    run([&]() -> net::task<> {
        s2::stream_config config;
        config.timestamping = s2::timestamping_mode::client_require;
        config.uncapped_timestamps = true;
        const auto stream = co_await new_stream(config);
        auto input = input_of(texts("x"));
        auto refused = co_await try_append(stream, input);
        EXPECT_TRUE(must_fail(std::move(refused)).is_code("invalid"));
        input.records[0].timestamp = ~0ull - 1;
        auto acked = co_await try_append(stream, input);
        EXPECT_EQ(must(std::move(acked)).start.timestamp, ~0ull - 1);
    });
}

TEST_F(Append, CompressedBodies) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const std::string large(50000, 'z');
        std::uint64_t next = 0;
        for (const auto packing : {s2::compression::zstd, s2::compression::gzip}) {
            auto& packed = client_with(packing);
            auto input = input_of(texts(large, "small"));
            auto acked = co_await packed.append(stream, input, soon());
            EXPECT_EQ(must(std::move(acked)).start.seq_num, next);
            auto read = co_await packed.read(stream, from_seq(next), {}, soon());
            const auto batch = must(std::move(read));
            EXPECT_EQ(batch.records.at(0).body, large);
            next += 2;
        }
        const auto path = "/v1/streams/" + stream + "/records";
        net::http_fields unknown{json_type, {"content-encoding", "br"}};
        auto answer = co_await raw_in_basin("POST", path, unknown, "x");
        EXPECT_EQ(answer.status, 415u);
        net::http_fields corrupt{json_type, {"content-encoding", "gzip"}};
        answer = co_await raw_in_basin("POST", path, corrupt, "not gzip");
        EXPECT_EQ(answer.code(), "bad_json") << answer.status << answer.body;
    });
}

TEST_F(Append, MissingStreamsAreNotMadeUnlessTheBasinSaysSo) {
    run([&]() -> net::task<> {
        const auto name = fresh_name();
        auto refused = co_await try_append(name, input_of(texts("x")));
        EXPECT_EQ(s2::classify(must_fail(std::move(refused))), verdict::not_found);
        s2::basin_config config;
        config.create_stream_on_append = true;
        const auto other = fresh_name("conformance");
        auto ensured = co_await client().ensure_basin(other, config, soon());
        must(std::move(ensured));
        s2::client there(client().connections(), client().token(), other);
        auto input = input_of(texts("x"));
        input.match_seq_num = 1;
        auto failed = co_await there.append(name, input, soon());
        EXPECT_EQ(must_fail(std::move(failed)).seq_num_mismatch, 0u); // made all the same
        auto checked = co_await there.check_tail(name, soon());
        EXPECT_EQ(must(std::move(checked)).seq_num, 0u);
        auto deleted = co_await client().delete_basin(other, soon());
        must(std::move(deleted));
    });
}

} // namespace
} // namespace conformance
