#include "agent/event/system_events.hpp"
#include "agent/sinks/file_sink.hpp"
#include "tests/unit/agent/agent_world.hpp"

#include <fstream>
#include <sstream>

namespace agent::test {
namespace {

using net::task;

std::string content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
}

void append(const std::filesystem::path& file, std::string_view text) {
    std::ofstream(file, std::ios::binary | std::ios::app) << text;
}

struct file_setup {
    agent_world env;
    scratch_dir dir;
    std::filesystem::path logs = dir.path / "logs";
    std::optional<capture_setup> agent;

    file_setup() { restart(); }

    // As after a kill -9.
    void restart() {
        agent.reset();
        agent.emplace(env, dir.path);
        if (!agent->sessions->active())
            agent->start({id_one, std::nullopt});
    }

    std::unique_ptr<file_sink> open() {
        auto opened = file_sink::open(env, *agent->journal, *agent->table, logs);
        EXPECT_TRUE(opened) << opened.error().message();
        return std::move(*opened);
    }

    // Everything that the ring holds goes into the files.
    file_sink_status write_all() {
        auto sink = open();
        sink->end();
        env.world.run([&] { return sink->run(); });
        return sink->status();
    }

    std::string line(seq_t seq) { return agent->envelopes(seq).at(0) + "\n"; }
};

TEST(file_sink, writes_each_envelope_into_its_categorys_file) {
    file_setup setup;
    setup.agent->publish(R"({"type":"console_log"})");
    setup.agent->publish(R"({"type":"network_request"})");
    setup.agent->publish(R"({"type":"console_error"})");
    const auto status = setup.write_all();
    EXPECT_EQ(content(setup.logs / "system.log"), setup.line(1));
    EXPECT_EQ(content(setup.logs / "console.log"), setup.line(2) + setup.line(4));
    EXPECT_EQ(content(setup.logs / "network.log"), setup.line(3));
    EXPECT_FALSE(std::filesystem::exists(setup.logs / "page.log"));
    EXPECT_EQ(status.written_seq, 4u);
    EXPECT_FALSE(status.failing);
}

TEST(file_sink, goes_on_where_it_stopped_also_in_files_that_were_rotated_away) {
    file_setup setup;
    setup.agent->publish(R"({"type":"console_log"})");
    setup.agent->publish(R"({"type":"network_request"})");
    setup.write_all();
    std::filesystem::remove(setup.logs / "console.log");
    setup.restart();
    setup.agent->publish(R"({"type":"console_log"})");
    setup.write_all();
    EXPECT_EQ(content(setup.logs / "console.log"), setup.line(4));
    EXPECT_EQ(content(setup.logs / "network.log"), setup.line(3));
    EXPECT_EQ(content(setup.logs / "system.log"), setup.line(1));
}

// Killed between any two bytes of a batch: the files hold a prefix of what was to be written, the position is
// behind.
TEST(file_sink, killed_at_any_byte_every_envelope_is_once_in_its_file) {
    file_setup setup;
    setup.agent->publish(R"({"type":"console_log"})");
    setup.write_all();
    const std::string position = content(setup.logs / ".position");
    const std::string before = content(setup.logs / "console.log");
    setup.agent->publish(R"({"type":"console_log","data":2})");
    setup.agent->publish(R"({"type":"network_request"})");
    setup.agent->publish(R"({"type":"console_log","data":3})");
    const std::string batch = setup.line(3) + setup.line(5);
    for (std::size_t cut = 0; cut <= batch.size(); cut += 7) {
        std::ofstream(setup.logs / ".position", std::ios::binary) << position;
        std::ofstream(setup.logs / "console.log", std::ios::binary) << before << batch.substr(0, cut);
        std::filesystem::remove(setup.logs / "network.log");
        setup.restart();
        setup.write_all();
        ASSERT_EQ(content(setup.logs / "console.log"), before + batch) << "cut at " << cut;
        ASSERT_EQ(content(setup.logs / "network.log"), setup.line(4)) << "cut at " << cut;
    }
}

TEST(file_sink, an_announcement_as_the_last_line_hides_nothing) {
    file_setup setup;
    {
        auto sink = setup.open();
        sink->announce(session_continued_envelope(id_one, "s", 1, continuation_reason::storage, 1));
        sink->end();
        setup.env.world.run([&] { return sink->run(); });
    }
    const auto before = content(setup.logs / "system.log");
    EXPECT_NE(before.find("session_continued"), std::string::npos);
    append(setup.logs / "system.log",
           session_continued_envelope(id_one, "s", 1, continuation_reason::storage, 1) + "\n");
    const auto all = content(setup.logs / "system.log");
    std::filesystem::remove(setup.logs / ".position");
    setup.restart();
    setup.write_all();
    EXPECT_EQ(content(setup.logs / "system.log"), all);
}

TEST(file_sink, what_is_not_ours_stays) {
    file_setup setup;
    std::filesystem::create_directories(setup.logs);
    append(setup.logs / "system.log", "a note of somebody\nand one more");
    setup.write_all();
    EXPECT_EQ(content(setup.logs / "system.log"), "a note of somebody\nand one more\n" + setup.line(1));
}

TEST(file_sink, lines_of_another_life_do_not_count) {
    file_setup setup;
    std::filesystem::create_directories(setup.logs);
    const auto old = own_envelope(id_two, 5000, 1, "console_log", "1") + "\n";
    append(setup.logs / "system.log", old);
    setup.write_all();
    EXPECT_EQ(content(setup.logs / "system.log"), old + setup.line(1));
}

TEST(file_sink, a_gap_is_a_line_of_system_log) {
    file_setup setup;
    setup.write_all();
    setup.agent->publish(R"({"type":"page_load"})");
    setup.agent->overrun();
    const auto first = setup.agent->journal->first_seq();
    const auto status = setup.write_all();
    EXPECT_EQ(status.missed, first - 2);
    const auto lines = content(setup.logs / "system.log");
    EXPECT_NE(lines.find(R"("seq":)" + std::to_string(first - 1) + ","), std::string::npos);
    EXPECT_NE(lines.find(R"("data":{"from_seq":2,"to_seq":)" + std::to_string(first - 1)), std::string::npos)
        << lines;
    const auto again = setup.write_all();
    EXPECT_EQ(again.missed, 0u);
    EXPECT_EQ(content(setup.logs / "system.log"), lines);
}

TEST(file_sink, a_gap_over_two_sessions_is_a_line_of_each) {
    file_setup setup;
    setup.write_all();
    setup.agent->publish(R"({"type":"page_load"})");
    const auto one = setup.agent->table->active()->id;
    setup.agent->sessions->stop(end_reason::stopped);
    setup.agent->start({id_two, std::nullopt});
    const seq_t begins = setup.agent->journal->last_seq();
    setup.agent->overrun();
    const auto first = setup.agent->journal->first_seq();
    ASSERT_GT(first, begins);
    setup.write_all();
    const auto lines = content(setup.logs / "system.log");
    const auto told = [&](const std::string& id, seq_t from, seq_t to) {
        const auto at =
            lines.find(R"({"from_seq":)" + std::to_string(from) + R"(,"to_seq":)" + std::to_string(to));
        return at != std::string::npos &&
               lines.compare(lines.rfind('{', lines.rfind("capture_session_id", at)), 23 + id.size(),
                             R"({"capture_session_id":")" + id) == 0;
    };
    EXPECT_TRUE(told(one, 2, begins - 1)) << lines;
    EXPECT_TRUE(told(id_two, begins, first - 1)) << lines;
}

TEST(file_sink, a_full_disk_stops_only_it_until_it_has_room_again) {
    file_setup setup;
    auto sink = setup.open();
    setup.env.world.run([&]() -> task<void> {
        co_await net::with_task_group(setup.env, [&](net::task_group& group) -> task<void> {
            setup.env.disk.appends_until_error = 0;
            group.spawn([&] { return sink->run(); });
            co_await setup.env.world.settle();
            EXPECT_TRUE(sink->status().failing);
            EXPECT_FALSE(sink->status().reason.empty());
            EXPECT_EQ(sink->status().failures, 1u);
            EXPECT_EQ(setup.env.world.alarms_pending(), 0u) << "no timer while nothing comes";
            EXPECT_EQ(setup.agent->publish(R"({"type":"console_log"})"), 2u);
            co_await setup.env.world.settle();
            setup.env.disk.appends_until_error = -1;
            co_await net::sleep_until(setup.env, setup.env.now() + std::chrono::seconds(5));
            setup.agent->publish(R"({"type":"console_log"})");
            co_await setup.env.world.settle();
            EXPECT_FALSE(sink->status().failing);
            EXPECT_EQ(sink->status().written_seq, 3u);
            sink->end();
            co_await group.join();
        });
    });
    EXPECT_EQ(content(setup.logs / "console.log"), setup.line(2) + setup.line(3));
    EXPECT_EQ(content(setup.logs / "system.log"), setup.line(1));
}

TEST(file_sink, a_file_that_was_moved_or_removed_is_opened_anew) {
    file_setup setup;
    auto sink = setup.open();
    const auto file = setup.logs / "console.log";
    const auto publish = [&]() -> task<void> {
        setup.agent->publish(R"({"type":"console_log"})");
        co_await setup.env.world.settle();
    };
    setup.env.world.run([&]() -> task<void> {
        co_await net::with_task_group(setup.env, [&](net::task_group& group) -> task<void> {
            group.spawn([&] { return sink->run(); });
            co_await publish();
            std::filesystem::rename(file, setup.logs / "console.log.1");
            co_await publish();
            co_await publish();
            EXPECT_EQ(content(setup.logs / "console.log.1"), setup.line(2));
            EXPECT_EQ(content(file), setup.line(3) + setup.line(4));
            // As a rotation does that puts an empty file there at once.
            std::filesystem::rename(file, setup.logs / "console.log.2");
            append(file, "");
            co_await publish();
            EXPECT_EQ(content(file), setup.line(5));
            std::filesystem::remove(file);
            co_await publish();
            EXPECT_EQ(content(file), setup.line(6));
            std::filesystem::remove_all(setup.logs);
            co_await publish();
            EXPECT_EQ(content(file), setup.line(7));
            EXPECT_EQ(sink->status().failures, 0u);
            sink->end();
            co_await group.join();
        });
    });
}

TEST(file_sink, what_one_file_took_before_another_failed_is_not_written_twice) {
    file_setup setup;
    setup.agent->publish(R"({"type":"console_log"})");
    setup.env.disk.appends_until_error = 1; // console.log, then nothing
    const auto failed = setup.write_all();
    EXPECT_TRUE(failed.failing);
    EXPECT_EQ(content(setup.logs / "console.log"), setup.line(2));
    EXPECT_EQ(content(setup.logs / "system.log"), "");
    setup.env.disk.appends_until_error = -1;
    setup.restart();
    setup.write_all();
    EXPECT_EQ(content(setup.logs / "console.log"), setup.line(2));
    EXPECT_EQ(content(setup.logs / "system.log"), setup.line(1));
}

TEST(file_sink, an_abort_leaves_what_another_run_finishes) {
    file_setup setup;
    auto sink = setup.open();
    setup.env.world.run([&]() -> task<void> {
        co_await net::with_task_group(setup.env, [&](net::task_group& group) -> task<void> {
            group.spawn([&] { return sink->run(); });
            co_await setup.env.world.settle();
            setup.agent->publish(R"({"type":"console_log"})");
            group.abort();
            co_await group.join();
        });
    });
    sink.reset();
    setup.write_all();
    EXPECT_EQ(content(setup.logs / "console.log"), setup.line(2));
}

} // namespace
} // namespace agent::test
