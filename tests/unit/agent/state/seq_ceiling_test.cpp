// The ceiling must never lie below a seq that was given out, whatever dies.
#include "agent/state/seq_ceiling.hpp"
#include "tests/unit/agent/agent_world.hpp"
#include "tests/unit/agent/support/machine_crash.hpp"
#include "tests/unit/agent/support/ring_kit.hpp"

namespace agent::test {
namespace {

const std::string path = "/state/seq-ceiling";

std::unique_ptr<seq_ceiling> open_ceiling(memory_world& world) {
    auto opened = seq_ceiling::open(world, "/state");
    EXPECT_TRUE(opened);
    return std::move(*opened);
}

TEST(seq_ceiling, is_reserved_ahead_and_kept) {
    memory_world world;
    {
        auto ceiling = open_ceiling(world);
        EXPECT_EQ(ceiling->stored(), 0u);
        ASSERT_FALSE(ceiling->reserve_behind(5));
        EXPECT_EQ(ceiling->stored(), 5 + seq_block);
    }
    EXPECT_EQ(open_ceiling(world)->stored(), 5 + seq_block);
}

TEST(seq_ceiling, a_machine_that_dies_leaves_what_was_synced) {
    memory_world world;
    world.disk.forget_names();
    seq_t at_least = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        auto ceiling = open_ceiling(world);
        ASSERT_GE(ceiling->stored(), at_least);
        ASSERT_FALSE(ceiling->reserve_behind(ceiling->stored() + seed));
        at_least = ceiling->stored();
        ceiling.reset();
        machine_dies(world.disk, {static_cast<unsigned>(seed % 9), seed});
    }
}

TEST(seq_ceiling, each_byte_of_the_newer_copy_damaged_leaves_the_older) {
    memory_world world;
    {
        auto ceiling = open_ceiling(world);
        ASSERT_FALSE(ceiling->reserve_behind(1));
        ASSERT_FALSE(ceiling->reserve_behind(2));
    }
    constexpr std::size_t newer = page_bytes; // the first write took the second copy
    for (std::size_t at = newer; at < newer + 16 + 8; ++at) {
        auto& one = world.disk.bytes(path)[at];
        one ^= std::byte{0x11};
        ASSERT_EQ(open_ceiling(world)->stored(), 1 + seq_block) << at;
        one ^= std::byte{0x11};
    }
    EXPECT_EQ(open_ceiling(world)->stored(), 2 + seq_block);
}

TEST(seq_ceiling, without_a_readable_value_numbering_can_not_go_on) {
    memory_world world;
    {
        auto ceiling = open_ceiling(world);
        for (seq_t seq = 1; seq <= 3; ++seq)
            ASSERT_FALSE(ceiling->reserve_behind(seq));
    }
    const auto corrupt = net::make_error_code(net::error::corrupt);
    for (std::size_t copy = 0; copy < 3; ++copy)
        world.disk.bytes(path)[page_bytes + copy * sector_bytes + 16] ^= std::byte{1};
    EXPECT_EQ(seq_ceiling::open(world, "/state").error(), corrupt);
    (*slot_file::open(world, path, 1, 64))->write(0, "12x");
    EXPECT_EQ(seq_ceiling::open(world, "/state").error(), corrupt);
}

// A start between the first reserve and the sync of another: numbering goes on behind every seq given out.
TEST(seq_ceiling, the_ring_goes_on_behind_it) {
    memory_world world;
    world.disk.forget_names();
    seq_t highest = 0;
    for (unsigned life = 1; life <= 40; ++life) {
        world.boot = "boot-" + std::to_string(life);
        auto ceiling = open_ceiling(world);
        auto ring = open_ring(world, options_of(), ceiling->stored());
        ASSERT_FALSE(ceiling->reserve_behind(ring->last_seq()));
        ASSERT_GE(ring->next_seq(), highest + 1);
        publish_until(*ring, ring->last_seq() + life, 1000);
        highest = ring->last_seq();
        ring.it.reset();
        ceiling.reset();
        machine_dies(world.disk, {life % 9, life});
    }
}

TEST(seq_ceiling, at_least_half_a_block_is_kept_ahead) {
    agent_world env;
    scratch_dir dir;
    auto opened = seq_ceiling::open(env, dir.path);
    ASSERT_TRUE(opened);
    auto& ceiling = **opened;
    ASSERT_FALSE(ceiling.reserve_behind(0));
    ring_recovery recovery;
    auto journal = ring::open(env, {}, seq_block / 2, recovery); // as if so many had been published
    ASSERT_TRUE(journal);
    env.world.run([&]() -> net::task<void> {
        co_await net::with_task_group(env, [&](net::task_group& group) -> net::task<void> {
            group.spawn([&] { return ceiling.keep_ahead(env, **journal); });
            co_await env.world.settle();
            EXPECT_EQ(ceiling.stored(), seq_block);
            publish(**journal, "one");
            co_await env.world.settle();
            EXPECT_EQ(ceiling.stored(), seq_block / 2 + 1 + seq_block);
            publish(**journal, "two");
            co_await env.world.settle();
            EXPECT_EQ(ceiling.stored(), seq_block / 2 + 1 + seq_block);
            group.abort();
        });
    });
}

// One that could not be stored for a whole block's length was never tried again.
TEST(seq_ceiling, is_reserved_again_also_where_seqs_have_passed_it) {
    agent_world env;
    auto opened = seq_ceiling::open(env, {});
    auto& ceiling = **opened;
    ASSERT_FALSE(ceiling.reserve_behind(0));
    ring_recovery recovery;
    auto journal = ring::open(env, {}, seq_block + 100, recovery);
    ASSERT_GT((*journal)->last_seq(), ceiling.stored());
    env.world.run([&]() -> net::task<void> {
        co_await net::with_task_group(env, [&](net::task_group& group) -> net::task<void> {
            group.spawn([&] { return ceiling.keep_ahead(env, **journal); });
            co_await env.world.settle();
            EXPECT_EQ(ceiling.stored(), (*journal)->last_seq() + seq_block);
            group.abort();
        });
    });
}

TEST(seq_ceiling, no_seq_above_it_is_given_out_and_publishing_goes_on_when_the_disk_takes_it) {
    agent_world env;
    const scratch_dir dir;
    auto opened = seq_ceiling::open(env, dir.path);
    auto& ceiling = **opened;
    ASSERT_FALSE(ceiling.reserve_behind(0));
    ring_recovery recovery;
    auto journal = std::move(*ring::open(env, {}, seq_block - 2, recovery));
    journal->allow_seqs(ceiling.stored());
    env.disk.mapping_sync_error = make_error_code(boost::system::errc::io_error);
    bool went_on = false;
    env.world.run([&]() -> net::task<void> {
        co_await net::with_task_group(env, [&](net::task_group& group) -> net::task<void> {
            group.spawn([&] { return ceiling.keep_ahead(env, *journal); });
            group.spawn([&]() -> net::task<void> { // as a paused intake does
                while (!journal->seqs_used_up())
                    co_await journal->appended().wait();
                while (!journal->make_room(1))
                    co_await journal->freed().wait();
                went_on = true;
            });
            co_await env.world.settle();
            EXPECT_TRUE(publish(*journal, "one"));
            EXPECT_TRUE(publish(*journal, "two"));
            EXPECT_EQ(journal->last_seq(), ceiling.stored());
            EXPECT_FALSE(publish(*journal, "three")) << "a seq that the disk knows nothing of";
            EXPECT_TRUE(journal->seqs_used_up());
            co_await net::sleep_until(env, env.now() + std::chrono::seconds(3));
            EXPECT_FALSE(publish(*journal, "three"));
            EXPECT_EQ(journal->refusal(),
                      "cannot reserve seqs ahead: " + env.disk.mapping_sync_error.message());
            EXPECT_FALSE(went_on);
            env.disk.mapping_sync_error = {};
            co_await net::sleep_until(env, env.now() + std::chrono::seconds(3));
            EXPECT_TRUE(went_on);
            EXPECT_TRUE(publish(*journal, "three"));
            EXPECT_EQ(ceiling.stored(), seq_block + seq_block);
            group.abort();
        });
    });
}

TEST(seq_ceiling, one_so_high_that_numbering_would_begin_again_is_refused) {
    memory_world world;
    (*slot_file::open(world, path, 1, 64))->write(0, std::to_string(~seq_t{0}));
    EXPECT_EQ(seq_ceiling::open(world, "/state").error(), net::make_error_code(net::error::corrupt));
}

} // namespace
} // namespace agent::test
