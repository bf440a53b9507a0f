// Basins and streams (§1.1, §2.1 to §2.3): create, ensure, reconfigure, delete, list, names in paths.

#include "tests/conformance/server_test.hpp"

#include <boost/json.hpp>

namespace conformance {
namespace {

using s2::provision_result;
using s2::verdict;

const net::http_field json_type{"content-type", "application/json"};

class Basins : public server_test {};

class Streams : public server_test {};

s2::basin_config creating_on_append() {
    s2::basin_config config;
    config.create_stream_on_append = true;
    return config;
}

s2::stream_config keeping(std::uint64_t seconds) {
    s2::stream_config config;
    config.retention = s2::retention_policy{false, seconds};
    return config;
}

TEST_F(Basins, CreateIsIdempotentOnlyByItsToken) {
    run([&]() -> net::task<> {
        const auto name = fresh_name("conformance");
        const auto token = fresh_name("token");
        const auto config = creating_on_append();
        auto made = co_await client().create_basin(name, config, soon(), token);
        auto basin = must(std::move(made));
        EXPECT_EQ(basin.outcome, provision_result::created);
        EXPECT_EQ(basin.info.name, name);
        EXPECT_FALSE(basin.info.created_at.empty());
        made = co_await client().create_basin(name, config, soon(), token);
        EXPECT_EQ(must(std::move(made)).outcome, provision_result::noop);
        const s2::basin_config other;
        made = co_await client().create_basin(name, other, soon(), token);
        EXPECT_EQ(s2::classify(must_fail(std::move(made))), verdict::exists);
        made = co_await client().create_basin(name, config, soon());
        EXPECT_EQ(s2::classify(must_fail(std::move(made))), verdict::exists);
        auto deleted = co_await client().delete_basin(name, soon());
        must(std::move(deleted));
    });
}

TEST_F(Basins, EnsureSetsExactlyWhatIsAsked) {
    run([&]() -> net::task<> {
        const auto name = fresh_name("conformance");
        const auto config = creating_on_append();
        const s2::basin_config plain;
        auto made = co_await client().ensure_basin(name, config, soon());
        EXPECT_EQ(must(std::move(made)).outcome, provision_result::created);
        made = co_await client().ensure_basin(name, config, soon());
        EXPECT_EQ(must(std::move(made)).outcome, provision_result::noop);
        made = co_await client().ensure_basin(name, plain, soon());
        EXPECT_EQ(must(std::move(made)).outcome, provision_result::updated);
        auto read = co_await client().get_basin_config(name, soon());
        EXPECT_EQ(must(std::move(read)).create_stream_on_append, false);
        made = co_await client().ensure_basin(name, config, soon());
        must(std::move(made));
        net::http_fields none;
        const auto reset = co_await raw("PUT", "/v1/basins/" + name, none);
        EXPECT_EQ(reset.status, 200u) << reset.body;
        read = co_await client().get_basin_config(name, soon());
        EXPECT_EQ(must(std::move(read)).create_stream_on_append, false);
    });
}

TEST_F(Basins, ReconfigureMergesAndNullClears) {
    run([&]() -> net::task<> {
        const auto name = fresh_name("conformance");
        auto config = creating_on_append();
        config.default_stream = keeping(3600);
        auto made = co_await client().create_basin(name, config, soon());
        must(std::move(made));
        boost::json::object changes;
        changes["create_stream_on_read"] = true;
        auto changed = co_await client().reconfigure_basin(name, changes, soon());
        auto now = must(std::move(changed));
        EXPECT_EQ(now.create_stream_on_read, true);
        EXPECT_EQ(now.create_stream_on_append, true);
        EXPECT_EQ(now.default_stream->retention->age_seconds, 3600u);
        changes.clear();
        changes["default_stream_config"] = nullptr;
        changed = co_await client().reconfigure_basin(name, changes, soon());
        now = must(std::move(changed));
        EXPECT_FALSE(now.default_stream && now.default_stream->retention);
        changes.clear();
        changes["create_stream_on_append"] = nullptr;
        changed = co_await client().reconfigure_basin(name, changes, soon());
        EXPECT_TRUE(must_fail(std::move(changed)).is_code("bad_json"));
    });
}

TEST_F(Basins, MissingOnes) {
    run([&]() -> net::task<> {
        s2::client nowhere(client().connections(), client().token(), fresh_name("conformance"));
        auto tail = co_await nowhere.check_tail("stream", soon());
        EXPECT_EQ(s2::classify(must_fail(std::move(tail))), verdict::park_sink);
        const s2::list_query all;
        auto listed = co_await nowhere.list_streams(all, soon());
        EXPECT_TRUE(must_fail(std::move(listed)).is_code("basin_not_found"));
        auto read = co_await nowhere.get_basin_config(nowhere.basin(), soon());
        EXPECT_TRUE(must_fail(std::move(read)).is_code("basin_not_found"));
        auto deleted = co_await nowhere.delete_basin(nowhere.basin(), soon());
        EXPECT_TRUE(must_fail(std::move(deleted)).is_code("basin_not_found"));
        net::http_fields none;
        auto answer = co_await raw("GET", "/v1/streams/x/records/tail", none);
        EXPECT_EQ(answer.code(), "bad_header");
        net::http_fields malformed{{"s2-basin", "Not_A_Basin"}};
        answer = co_await raw("GET", "/v1/streams/x/records/tail", malformed);
        EXPECT_EQ(answer.code(), "bad_header");
    });
}

TEST_F(Basins, BadNamesAndBodies) {
    run([&]() -> net::task<> {
        for (const char* body :
             {R"({"basin":"short"})", R"({"basin":"UPPERCASE"})", R"({"basin":7})", "[", R"({})"}) {
            net::http_fields fields{json_type};
            const auto answer = co_await raw("POST", "/v1/basins", fields, body);
            EXPECT_EQ(answer.status, 400u) << body;
            EXPECT_EQ(answer.code(), "bad_json") << body;
        }
        net::http_fields none;
        const auto answer = co_await raw("GET", "/v1/basins/Short", none);
        EXPECT_EQ(answer.code(), "bad_path");
    });
}

// A server may be done at once with a basin that holds nothing, so this one holds a record.
TEST_F(Basins, DeletionIsPendingFirst) {
    run([&]() -> net::task<> {
        const auto name = fresh_name("conformance");
        const auto config = creating_on_append();
        auto made = co_await client().create_basin(name, config, soon());
        must(std::move(made));
        s2::client there(client().connections(), client().token(), name);
        auto acked = co_await there.append("stream", input_of(texts("x")), soon());
        must(std::move(acked));
        for (int repeated = 0; repeated < 2; ++repeated) {
            auto deleted = co_await client().delete_basin(name, soon());
            must(std::move(deleted));
        }
        made = co_await client().create_basin(name, config, soon());
        EXPECT_TRUE(must_fail(std::move(made)).is_code("basin_deletion_pending"));
        auto ensured = co_await client().ensure_basin(name, config, soon());
        EXPECT_TRUE(must_fail(std::move(ensured)).is_code("basin_deletion_pending"));
        const s2::stream_config stream;
        auto inside = co_await there.create_stream("another", stream, soon());
        EXPECT_TRUE(must_fail(std::move(inside)).is_code("basin_deletion_pending"));
    });
}

TEST_F(Basins, AreListed) {
    run([&]() -> net::task<> {
        s2::list_query query;
        query.prefix = basin();
        auto listed = co_await client().list_basins(query, soon());
        const auto page = must(std::move(listed));
        EXPECT_EQ(page.items.size(), 1u);
        EXPECT_EQ(page.items.at(0).name, basin());
        EXPECT_FALSE(page.has_more);
    });
}

TEST_F(Streams, CreateEnsureConfig) {
    run([&]() -> net::task<> {
        const auto name = fresh_name();
        const auto config = keeping(3600);
        auto made = co_await client().create_stream(name, config, soon());
        EXPECT_EQ(must(std::move(made)).outcome, provision_result::created);
        made = co_await client().create_stream(name, config, soon());
        EXPECT_EQ(s2::classify(must_fail(std::move(made))), verdict::exists);
        made = co_await client().ensure_stream(name, config, soon());
        EXPECT_EQ(must(std::move(made)).outcome, provision_result::noop);
        const auto longer = keeping(7200);
        made = co_await client().ensure_stream(name, longer, soon());
        EXPECT_EQ(must(std::move(made)).outcome, provision_result::updated);
        auto read = co_await client().get_stream_config(name, soon());
        auto now = must(std::move(read));
        EXPECT_EQ(now.retention, (s2::retention_policy{false, 7200}));
        EXPECT_EQ(now.timestamping, s2::timestamping_mode::client_prefer);
        boost::json::object changes;
        changes["timestamping"] = {{"mode", "arrival"}};
        auto changed = co_await client().reconfigure_stream(name, changes, soon());
        now = must(std::move(changed));
        EXPECT_EQ(now.timestamping, s2::timestamping_mode::arrival);
        EXPECT_EQ(now.retention, (s2::retention_policy{false, 7200}));
        changes.clear();
        changes["retention_policy"] = nullptr;
        changed = co_await client().reconfigure_stream(name, changes, soon());
        EXPECT_EQ(must(std::move(changed)).retention, (s2::retention_policy{false, 604800}));
        const auto never = keeping(0);
        made = co_await client().ensure_stream(name, never, soon());
        EXPECT_EQ(must_fail(std::move(made)).status, 422u);
    });
}

TEST_F(Streams, DeletedAndMadeAgain) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        co_await append(stream, texts("a", "b"));
        auto deleted = co_await client().delete_stream(stream, soon());
        must(std::move(deleted));
        // 409 while the deletion is pending, 404 afterwards.
        for (const auto until = soon(); env().now() < until;) {
            auto tail = co_await client().check_tail(stream, soon());
            const auto asks_for = s2::classify(must_fail(std::move(tail)));
            if (asks_for == verdict::not_found)
                break;
            EXPECT_EQ(asks_for, verdict::gone);
            co_await net::sleep_until(env(), env().now() + 20ms);
        }
        const s2::stream_config config;
        auto made = co_await client().create_stream(stream, config, soon());
        must(std::move(made));
        const auto ack = co_await append(stream, texts("c"));
        EXPECT_EQ(ack.start.seq_num, 0u);
    });
}

TEST_F(Streams, MissingOnes) {
    run([&]() -> net::task<> {
        const auto name = fresh_name();
        auto tail = co_await client().check_tail(name, soon());
        EXPECT_EQ(s2::classify(must_fail(std::move(tail))), verdict::not_found);
        auto read = co_await client().read(name, from_seq(0), {}, soon());
        EXPECT_EQ(s2::classify(must_fail(std::move(read))), verdict::not_found);
        auto config = co_await client().get_stream_config(name, soon());
        EXPECT_EQ(s2::classify(must_fail(std::move(config))), verdict::not_found);
        auto deleted = co_await client().delete_stream(name, soon());
        EXPECT_EQ(s2::classify(must_fail(std::move(deleted))), verdict::not_found);
    });
}

TEST_F(Streams, NamesAreOnePercentEncodedSegment) {
    run([&]() -> net::task<> {
        const auto suffix = fresh_name();
        for (const std::string& start : {std::string("a/b c"), std::string("?q=1&r#f"), std::string("+%41%"),
                                         std::string("\xC3\xA4\xF0\x9F\x98\x80"), std::string("\x01\n\x7F"),
                                         std::string("..."), std::string(400, 'n')}) {
            const auto name = start + suffix;
            const s2::stream_config config;
            auto made = co_await client().create_stream(name, config, soon());
            EXPECT_EQ(must(std::move(made)).info.name, name);
            co_await append(name, texts(name));
            const auto records = co_await read_all(name);
            EXPECT_EQ(records.at(0).body, name);
            auto deleted = co_await client().delete_stream(name, soon());
            must(std::move(deleted));
        }
        for (const char* bad : {"%FF", "a%00", "%2E", "%2E%2E"}) {
            net::http_fields none;
            const auto answer =
                co_await raw_in_basin("GET", std::string("/v1/streams/") + bad + "/records/tail", none);
            EXPECT_EQ(answer.code(), "bad_path") << bad;
        }
    });
}

TEST_F(Streams, ListsArePaged) {
    run([&]() -> net::task<> {
        const auto prefix = fresh_name("list");
        std::vector<std::string> names;
        for (int i = 0; i < 5; ++i) {
            names.push_back(prefix + "/" + std::to_string(i));
            const s2::stream_config config;
            auto made = co_await client().create_stream(names.back(), config, soon());
            must(std::move(made));
        }
        s2::list_query query;
        query.prefix = prefix + "/";
        query.limit = 2;
        std::vector<std::string> seen;
        for (int pages = 0; pages < 4; ++pages) {
            auto listed = co_await client().list_streams(query, soon());
            const auto page = must(std::move(listed));
            for (const auto& each : page.items)
                seen.push_back(each.name);
            EXPECT_EQ(page.has_more, seen.size() < names.size());
            if (!page.has_more)
                break;
            query.start_after = seen.back();
        }
        EXPECT_EQ(seen, names);
        query.limit = 0;
        query.start_after = "";
        auto listed = co_await client().list_streams(query, soon());
        EXPECT_EQ(must(std::move(listed)).items.size(), 5u);
        query.start_after = prefix + "/2x";
        listed = co_await client().list_streams(query, soon());
        EXPECT_EQ(must(std::move(listed)).items.size(), 2u);
        net::http_fields none;
        const auto bad = co_await raw_in_basin("GET", "/v1/streams?prefix=%00", none);
        EXPECT_EQ(bad.code(), "bad_query");
    });
}

TEST_F(Streams, UnknownRoutes) {
    run([&]() -> net::task<> {
        for (const char* path : {"/v2/basins", "/v1/nothing", "/v1/streams/x/nothing"}) {
            net::http_fields none;
            const auto answer = co_await raw_in_basin("GET", path, none);
            EXPECT_EQ(answer.status, 404u) << path;
        }
        net::http_fields none;
        const auto answer = co_await raw_in_basin("DELETE", "/v1/streams", none);
        EXPECT_EQ(answer.status, 405u);
    });
}

} // namespace
} // namespace conformance
