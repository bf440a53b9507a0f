#include "s2/local/store.hpp"
#include "tests/unit/s2/local/fixture.hpp"

#include <gmock/gmock.h>

namespace s2::local::test {
namespace {

using testing::ElementsAre;

// For use inside coroutines, where g++ 12 cannot take matchers of literals.
std::string joined(const std::vector<std::string>& bodies) {
    std::string all;
    for (const auto& body : bodies) {
        all += all.empty() ? "" : " ";
        all += body.find('\0') == std::string::npos ? body : "<" + std::to_string(body.size()) + " bytes>";
    }
    return all;
}

TEST_F(store_test, what_was_acked_is_there_after_a_reopen) {
    with_store([](store& in) -> net::task<void> {
        optional_stream_config config;
        config.mode = timestamping_mode::arrival;
        co_await make_stream(in, "s", config);
        auto stream = co_await open(in, "s");
        const auto first = co_await append(in, stream, batch("a", "b"));
        EXPECT_EQ(first->start.seq_num, 0u);
        EXPECT_EQ(first->end.seq_num, 2u);
        EXPECT_EQ(first->tail.seq_num, 2u);
        const auto fence = co_await append(in, stream, command(fence_command("token")));
        EXPECT_TRUE(fence);
        const auto trim = co_await append(in, stream, command(trim_command(1)));
        EXPECT_TRUE(trim);
    });
    with_store([](store& in) -> net::task<void> {
        auto stream = co_await open(in, "s");
        EXPECT_EQ(stream->state.durable_tail().seq_num, 4u);
        EXPECT_EQ(stream->state.fencing_token(), "token");
        EXPECT_EQ(stream->state.config().mode, timestamping_mode::arrival);
        auto read = co_await read_all(in, stream);
        EXPECT_EQ(joined(read), "b token <8 bytes>");
        auto input = batch("c");
        input.fencing_token = "other";
        const auto refused = co_await append(in, stream, input);
        EXPECT_EQ(refused.error().body, R"({"fencing_token_mismatch":"token"})");
    });
}

// The file is about to be closed on the helper thread: work that is queued behind that would find none.
TEST_F(store_test, what_is_asked_once_it_closes_is_refused) {
    with_store([](store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        auto stream = co_await open(in, "s");
        co_await append(in, stream, batch("a"));
        in.close();
        const auto size = co_await in.bytes();
        EXPECT_EQ(size.error().status, server_draining().status);
        const auto page = co_await in.read_page(stream, 0, 1);
        EXPECT_EQ(page.error().status, server_draining().status);
        const auto found = co_await in.find_timestamp(stream, 0);
        EXPECT_EQ(found.error().status, server_draining().status);
    });
}

// Counts transactions, and fails or delays them as asked.
class watched_storage final : public storage {
public:
    struct controls {
        std::vector<std::size_t> transactions; // batches in each
        std::function<std::optional<storage_error>()> before_commit;
    };

    watched_storage(std::unique_ptr<storage> inner, controls& by)
        : inner_(std::move(inner))
        , by_(by) {}

    stored<void> commit(std::span<const batch_row* const> batches,
                        std::span<const stream_change> changes) override {
        by_.transactions.push_back(batches.size());
        if (by_.before_commit)
            if (auto failed = by_.before_commit())
                return *failed;
        return inner_->commit(batches, changes);
    }

    stored<std::vector<batch_row>> read(std::int64_t a, std::uint64_t b, std::uint64_t c,
                                        page_limits d) override {
        return inner_->read(a, b, c, d);
    }

    stored<std::optional<batch_row>> find_timestamp(std::int64_t a, std::uint64_t b) override {
        return inner_->find_timestamp(a, b);
    }

    stored<std::optional<basin_row>> find_basin(const std::string& a) override {
        return inner_->find_basin(a);
    }

    stored<std::vector<basin_row>> list_basins(const list_query& a) override {
        return inner_->list_basins(a);
    }

    stored<void> put_basin(const basin_row& a) override { return inner_->put_basin(a); }

    stored<void> remove_basin(const std::string& a) override { return inner_->remove_basin(a); }

    stored<std::optional<stream_row>> find_stream(const std::string& a, const std::string& b) override {
        return inner_->find_stream(a, b);
    }

    stored<std::vector<stream_row>> list_streams(const std::string& a, const list_query& b) override {
        return inner_->list_streams(a, b);
    }

    stored<std::vector<stream_row>> list_all_streams(std::int64_t a, std::size_t b) override {
        return inner_->list_all_streams(a, b);
    }

    stored<std::int64_t> put_stream(const stream_row& a) override { return inner_->put_stream(a); }

    stored<void> remove_stream(std::int64_t a) override { return inner_->remove_stream(a); }

    stored<std::size_t> erase(std::int64_t a, std::uint64_t b, std::size_t c) override {
        return inner_->erase(a, b, c);
    }

    stored<std::size_t> erase_written_before(std::int64_t a, std::int64_t b, std::size_t c) override {
        return inner_->erase_written_before(a, b, c);
    }

    stored<std::uint64_t> bytes() override { return inner_->bytes(); }

    stored<void> checkpoint() override { return inner_->checkpoint(); }

private:
    std::unique_ptr<storage> inner_;
    controls& by_;
};

class watched_store_test : public store_test {
protected:
    watched_storage::controls controls;

    watched_store_test() {
        make_storage = [this] { return std::make_unique<watched_storage>(open_storage(file), controls); };
    }
};

TEST_F(watched_store_test, what_queues_during_a_write_goes_into_the_next_transaction) {
    with_store([this](store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        co_await make_stream(in, "t");
        auto s = co_await open(in, "s");
        auto t = co_await open(in, "t");
        std::vector<append_ticket_ptr> tickets;
        bool more = true;
        // Submitted while the first transaction is being written (the helper runs inline here).
        controls.before_commit = [&]() -> std::optional<storage_error> {
            if (std::exchange(more, false))
                for (int i = 0; i < 10; ++i)
                    tickets.push_back(in.appends().submit(i % 2 ? s : t, 0, batch(std::to_string(i))));
            return std::nullopt;
        };
        const auto first = co_await append(in, s, batch("first"));
        EXPECT_TRUE(first);
        for (auto& each : tickets) {
            const auto ack = co_await in.appends().settled(each);
            EXPECT_TRUE(ack);
        }
        EXPECT_EQ(s->state.durable_tail().seq_num, 6u);
        EXPECT_EQ(t->state.durable_tail().seq_num, 5u);
    });
    EXPECT_THAT(controls.transactions, ElementsAre(1, 10));
}

TEST_F(watched_store_test, a_failed_transaction_takes_back_what_rests_on_it) {
    with_store([this](store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        co_await make_stream(in, "t");
        auto s = co_await open(in, "s");
        auto t = co_await open(in, "t");
        append_ticket_ptr behind, beside, refused;
        controls.before_commit = [&]() -> std::optional<storage_error> {
            if (behind)
                return std::nullopt;
            behind = in.appends().submit(s, 0, batch("behind"));
            beside = in.appends().submit(t, 0, batch("beside"));
            auto conditional = batch("refused");
            conditional.match_seq_num = 0;
            refused = in.appends().submit(s, 0, append_input(conditional));
            return storage_error{storage_error::kind::full, "database or disk is full"};
        };
        const auto failed = co_await append(in, s, batch("first"));
        EXPECT_EQ(failed.error().status, 500u);
        EXPECT_EQ(failed.error().code, "storage");
        EXPECT_THAT(failed.error().body, testing::HasSubstr("database or disk is full"));
        const auto after = co_await in.appends().settled(behind);
        EXPECT_EQ(after.error().code, "storage");
        const auto verdict = co_await in.appends().settled(refused);
        EXPECT_EQ(verdict.error().code, "storage") << "the number it was refused with never came to be";
        const auto other = co_await in.appends().settled(beside);
        EXPECT_TRUE(other) << "another stream is not concerned";
        // A session of before goes nowhere; a new one begins at the durable tail.
        auto late = in.appends().submit(s, 0, batch("late"));
        const auto poisoned = co_await in.appends().settled(late);
        EXPECT_EQ(poisoned.error().code, "storage");
        auto again = batch("again");
        again.match_seq_num = 0;
        const auto ack = co_await append(in, s, again);
        EXPECT_TRUE(ack);
    });
}

TEST_F(watched_store_test, a_412_waits_for_what_it_rests_on) {
    with_store([this](store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        auto s = co_await open(in, "s");
        auto first = in.appends().submit(s, 0, batch("first"));
        auto conditional = batch("second");
        conditional.match_seq_num = 0;
        const auto refused = co_await append(in, s, conditional);
        EXPECT_EQ(refused.error().body, R"({"seq_num_mismatch":1})");
        EXPECT_EQ(s->state.durable_tail().seq_num, 1u);
        const auto ack = co_await in.appends().settled(first);
        EXPECT_TRUE(ack);
    });
}

TEST_F(store_test, creation_is_idempotent_by_token_and_config) {
    with_store([](store& in) -> net::task<void> {
        basin_config config;
        config.create_stream_on_append = true;
        const auto created = co_await in.create_basin("test-basin", config, "token");
        EXPECT_EQ(created->result, provision_result::created);
        const auto repeated = co_await in.create_basin("test-basin", config, "token");
        EXPECT_EQ(repeated->result, provision_result::noop);
        const auto without = co_await in.create_basin("test-basin", config, std::nullopt);
        EXPECT_EQ(without.error().code, "resource_already_exists");
        config.create_stream_on_append = false;
        const auto other = co_await in.create_basin("test-basin", config, "token");
        EXPECT_EQ(other.error().status, 409u);
        const auto ensured = co_await in.ensure_basin("test-basin", config);
        EXPECT_EQ(ensured->result, provision_result::updated);
        const auto same = co_await in.ensure_basin("test-basin", config);
        EXPECT_EQ(same->result, provision_result::noop);
        const auto missing = co_await in.open_stream("test-basin", "s", access::append);
        EXPECT_EQ(missing.error().code, "stream_not_found");
        const auto nowhere = co_await in.open_stream("other-basin", "s", access::append);
        EXPECT_EQ(nowhere.error().code, "basin_not_found");
    });
}

TEST_F(store_test, a_stream_comes_to_be_on_append_with_the_config_laid_over_the_default) {
    with_store([](store& in) -> net::task<void> {
        basin_config config;
        config.create_stream_on_append = true;
        config.default_stream_config.uncapped = true;
        config.default_stream_config.storage_class = "standard";
        const auto created = co_await in.create_basin("test-basin", config, std::nullopt);
        EXPECT_TRUE(created);
        const auto read = co_await in.open_stream("test-basin", "s", access::read);
        EXPECT_EQ(read.error().code, "stream_not_found");
        optional_stream_config own;
        own.storage_class = "own";
        const auto opened = co_await in.open_stream("test-basin", "s", access::append, own);
        EXPECT_TRUE((*opened)->state.config().uncapped);
        EXPECT_EQ((*opened)->state.config().storage_class, "own");
        const auto again = co_await in.open_stream("test-basin", "s", access::read);
        EXPECT_EQ(*again, *opened) << "one entry per stream";
    });
}

TEST_F(store_test, a_deleted_stream_is_gone_for_those_who_hold_it) {
    with_store([](store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        auto old = co_await open(in, "s");
        const auto ack = co_await append(in, old, batch("a"));
        EXPECT_TRUE(ack);
        const auto deleted = co_await in.delete_stream("test-basin", "s");
        EXPECT_TRUE(deleted);
        const auto twice = co_await in.delete_stream("test-basin", "s");
        EXPECT_EQ(twice.error().status, 404u);
        const auto refused = co_await append(in, old, batch("b"));
        EXPECT_EQ(refused.error().code, "unavailable");
        const auto created = co_await in.create_stream("test-basin", "s", {}, std::nullopt);
        EXPECT_TRUE(created);
        auto fresh = co_await open(in, "s");
        EXPECT_NE(fresh, old);
        EXPECT_EQ(fresh->state.tail().seq_num, 0u);
        const auto still = co_await append(in, old, batch("c"));
        EXPECT_EQ(still.error().code, "unavailable") << "a handle is bound to one incarnation";
    });
}

TEST_F(store_test, large_deletions_finish_piece_by_piece_also_after_a_restart) {
    with_store([](store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        auto stream = co_await open(in, "s");
        for (std::size_t i = 0; i < 3 * store::erase_rows; ++i) {
            const auto ack = co_await append(in, stream, batch("x"));
            EXPECT_TRUE(ack);
        }
        const auto deleted = co_await in.delete_stream("test-basin", "s");
        EXPECT_TRUE(deleted);
        const auto pending = co_await in.open_stream("test-basin", "s", access::append);
        EXPECT_EQ(pending.error().code, "stream_deletion_pending");
        const auto basin = co_await in.delete_basin("test-basin");
        EXPECT_TRUE(basin);
        in.close(); // before the sweep got to it
    });
    with_store([this](store& in) -> net::task<void> {
        const list_query all;
        const auto started = co_await in.list_basins(all);
        EXPECT_EQ(started->items.size(), 1u);
        co_await net::sleep_until(world, world.now() + std::chrono::seconds(1));
    });
    EXPECT_TRUE(open_storage(file)->list_all_streams(0, 10)->empty());
}

TEST_F(store_test, a_deleted_basins_name_is_free_with_the_sweep_after_a_minute) {
    with_store([this](store& in) -> net::task<void> {
        co_await make_stream(in, "s");
        for (int repeated = 0; repeated < 2; ++repeated) {
            const auto deleted = co_await in.delete_basin("test-basin");
            EXPECT_TRUE(deleted);
        }
        const basin_config config;
        const auto almost = store::basin_deleted_for - std::chrono::seconds(1);
        co_await net::sleep_until(world, world.now() + almost);
        const list_query all;
        const auto empty = co_await in.list_streams("test-basin", all);
        EXPECT_EQ(empty->items.size(), 0u);
        const auto early = co_await in.create_basin("test-basin", config, std::nullopt);
        EXPECT_EQ(early.error().code, "basin_deletion_pending");
        co_await net::sleep_until(world, world.now() + store::sweep_every);
        const auto asked = co_await in.list_basins(all);
        EXPECT_TRUE(asked);
        co_await net::sleep_until(world, world.now() + std::chrono::seconds(1));
        const auto gone = co_await in.get_basin("test-basin");
        EXPECT_EQ(gone.error().code, "basin_not_found");
        const auto created = co_await in.create_basin("test-basin", config, std::nullopt);
        EXPECT_EQ(created->result, provision_result::created);
    });
}

TEST_F(store_test, retention_takes_old_batches_with_the_next_activity) {
    with_store([this](store& in) -> net::task<void> {
        optional_stream_config config;
        config.retention_policy = retention{3600};
        co_await make_stream(in, "s", config);
        auto stream = co_await open(in, "s");
        const auto first = co_await append(in, stream, batch("old"));
        EXPECT_TRUE(first);
        co_await net::sleep_until(world, world.now() + std::chrono::hours(2));
        const auto second = co_await append(in, stream, batch("new"));
        EXPECT_TRUE(second);
        co_await net::sleep_until(world, world.now() + std::chrono::seconds(1));
        auto read = co_await read_all(in, stream);
        EXPECT_EQ(joined(read), "new");
        EXPECT_EQ(stream->state.durable_tail().seq_num, 2u);
    });
}

TEST_F(store_test, retention_by_age_can_be_left_out) {
    with_store([this](store& in) -> net::task<void> {
        in.keep_all_ages();
        co_await make_stream(in, "s"); // under the default, a week
        auto stream = co_await open(in, "s");
        const auto first = co_await append(in, stream, batch("old"));
        EXPECT_TRUE(first);
        co_await net::sleep_until(world, world.now() + std::chrono::hours(24 * 3650));
        const auto second = co_await append(in, stream, batch("new"));
        EXPECT_TRUE(second);
        co_await net::sleep_until(world, world.now() + std::chrono::seconds(1));
        auto read = co_await read_all(in, stream);
        EXPECT_EQ(joined(read), "old new");
    });
}

TEST_F(store_test, streams_that_nobody_uses_are_forgotten) {
    with_store([](store& in) -> net::task<void> {
        basin_config config;
        config.create_stream_on_append = true;
        const auto created = co_await in.create_basin("test-basin", config, std::nullopt);
        EXPECT_TRUE(created);
        std::weak_ptr<stream_entry> early;
        for (std::size_t i = 0; i <= store::streams_loaded_max; ++i) {
            auto stream = co_await open(in, "s" + std::to_string(i));
            if (i == 0)
                early = stream;
        }
        EXPECT_TRUE(early.expired());
    });
}

} // namespace
} // namespace s2::local::test
