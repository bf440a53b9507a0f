#include "tests/sim/model_storage.hpp"
#include "tests/unit/s2/local/fixture.hpp"
#include "tests/unit/s2/local/storage_contract.hpp"

namespace sim {
namespace {

using s2::local::basin_config;
using s2::local::batch_row;
using s2::local::storage_error;

struct in_memory {
    std::shared_ptr<model_store> kept = std::make_shared<model_store>();

    std::unique_ptr<model_storage> open() { return std::make_unique<model_storage>(kept); }
};

} // namespace
} // namespace sim

namespace s2::local::test {

INSTANTIATE_TYPED_TEST_SUITE_P(model, storage_contract, sim::in_memory);

} // namespace s2::local::test

namespace sim {
namespace {

using s2::local::test::batch;
using s2::local::test::command;

// The embedded store over the model.
class model_storage_test : public s2::local::test::store_test {
protected:
    std::shared_ptr<model_store> kept = std::make_shared<model_store>();

    model_storage_test() {
        make_storage = [this] { return std::make_unique<model_storage>(kept); };
    }

    stream_id only_stream() const { return kept->streams().at(0).id; }

    static std::vector<std::string> bodies(std::span<const model_record> records) {
        std::vector<std::string> all;
        for (const auto& each : records)
            all.push_back(each.body);
        return all;
    }
};

TEST_F(model_storage_test, keeps_records_in_order_and_tells_commands_apart) {
    with_store([this](s2::local::store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        auto stream = co_await open(in, "s");
        auto first = co_await append(in, stream, batch("a", "b"));
        EXPECT_TRUE(first);
        auto fenced = co_await append(in, stream, command(s2::fence_command("mine")));
        EXPECT_TRUE(fenced);
    });
    const auto all = kept->ever_appended(only_stream());
    ASSERT_EQ(all.size(), 3u);
    for (std::uint64_t seq = 0; seq < 3; ++seq)
        EXPECT_EQ(all[seq].seq_num, seq);
    EXPECT_EQ(all[1].body, "b");
    EXPECT_FALSE(all[1].is_command);
    EXPECT_TRUE(all[2].is_command);
    EXPECT_EQ(all[2].header_value, "fence");
    EXPECT_EQ(all[2].body, "mine");
    EXPECT_EQ(kept->fencing_token(only_stream()), "mine");
    EXPECT_EQ(kept->find("test-basin", "s"), only_stream());
}

TEST_F(model_storage_test, a_later_server_finds_what_an_earlier_one_left) {
    with_store([this](s2::local::store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        auto stream = co_await open(in, "s");
        auto first = co_await append(in, stream, batch("a"));
        EXPECT_TRUE(first);
    });
    with_store([this](s2::local::store& in) -> net::task<void> {
        auto stream = co_await open(in, "s");
        auto second = co_await append(in, stream, batch("b"));
        EXPECT_EQ(second->start.seq_num, 1u);
        const auto all = co_await read_all(in, stream);
        EXPECT_THAT(all, testing::ElementsAre("a", "b"));
    });
}

TEST_F(model_storage_test, the_log_outlives_trim_and_deletion) {
    with_store([this](s2::local::store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        auto stream = co_await open(in, "s");
        for (const char* body : {"a", "b", "c"}) {
            auto acked = co_await append(in, stream, batch(body));
            EXPECT_TRUE(acked);
        }
        auto trimmed = co_await append(in, stream, command(s2::trim_command(2)));
        EXPECT_TRUE(trimmed);
        co_await world.settle();
        EXPECT_THAT(bodies(kept->readable(only_stream())).at(0), "c");
        auto gone = co_await in.delete_stream("test-basin", "s");
        EXPECT_TRUE(gone);
        co_await world.settle();
        auto again = co_await in.create_stream("test-basin", "s", {}, std::nullopt);
        EXPECT_TRUE(again);
    });
    const auto streams = kept->streams();
    ASSERT_EQ(streams.size(), 2u);
    EXPECT_TRUE(streams[0].deleted);
    EXPECT_FALSE(streams[1].deleted);
    EXPECT_EQ(kept->find("test-basin", "s"), streams[1].id);
    EXPECT_TRUE(kept->readable(streams[0].id).empty());
    ASSERT_EQ(kept->ever_appended(streams[0].id).size(), 4u);
    EXPECT_EQ(kept->ever_appended(streams[0].id)[0].body, "a");
    EXPECT_TRUE(kept->ever_appended(streams[1].id).empty());
}

TEST_F(model_storage_test, tells_every_commit) {
    std::vector<std::pair<std::uint64_t, std::vector<std::string>>> told;
    kept->on_commit = [&](stream_id, std::uint64_t first_seq, std::span<const model_record> records) {
        told.emplace_back(first_seq, bodies(records));
    };
    with_store([this](s2::local::store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        auto stream = co_await open(in, "s");
        auto first = co_await append(in, stream, batch("a", "b"));
        auto second = co_await append(in, stream, batch("c"));
        EXPECT_TRUE(first && second);
    });
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0].first, 0u);
    EXPECT_THAT(told[0].second, testing::ElementsAre("a", "b"));
    EXPECT_EQ(told[1].first, 2u);
    EXPECT_THAT(told[1].second, testing::ElementsAre("c"));
}

TEST_F(model_storage_test, a_server_that_was_replaced_writes_nothing_more) {
    auto old = make_storage();
    s2::local::stream_row stream;
    stream.basin = "test-basin";
    stream.name = "s";
    batch_row row;
    row.stream = old->put_stream(stream).value();
    row.records = 1;
    row.data = "not a message";
    const batch_row* const rows[] = {&row};
    auto next = make_storage();
    const auto refused = old->commit(rows, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, storage_error::kind::unusable);
    EXPECT_FALSE(old->put_stream(stream));
    EXPECT_EQ(kept->commits_refused(), 1u);
    EXPECT_TRUE(next->commit(rows, {}));
}

TEST_F(model_storage_test, a_batch_behind_the_tail_is_refused) {
    auto on = make_storage();
    s2::local::stream_row stream;
    stream.basin = "test-basin";
    stream.name = "s";
    batch_row row;
    row.stream = on->put_stream(stream).value();
    row.first_seq = 3;
    row.records = 1;
    row.data = "not a message";
    const batch_row* const rows[] = {&row};
    EXPECT_FALSE(on->commit(rows, {}));
    EXPECT_TRUE(kept->ever_appended(row.stream).empty());
}

TEST_F(model_storage_test, a_basin_put_from_outside_is_there) {
    basin_config config;
    config.create_stream_on_append = true;
    kept->put_basin("test-basin", config);
    with_store([this](s2::local::store& in) -> net::task<void> {
        auto found = co_await in.get_basin("test-basin");
        EXPECT_TRUE(found && found->create_stream_on_append);
        auto stream = co_await open(in, "made/by/append");
        EXPECT_EQ(stream->name, "made/by/append");
    });
}

} // namespace
} // namespace sim
