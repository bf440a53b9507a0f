#include "agent/ring/segment.hpp"
#include "tests/sim/checkers/ring_checker.hpp"
#include "tests/sim/disk_kit.hpp"

namespace sim::test {
namespace {

constexpr std::uint64_t size = agent::ring_segment_bytes;

// Segments of one event each, as the ring's files show them.
class ring_checker_test : public disk_test {
protected:
    ledger book;
    std::vector<std::string> wrongs;
    agent::seq_t next_seq = 1;

    ring_checker_test() {
        EXPECT_FALSE(files->create_directories("/state/ring", 0700));
        watch(8);
    }

    void watch(std::uint64_t segments) {
        storage->watcher = std::make_shared<ring_checker>(
            *storage, book, segments * size, [this](const std::string& what) { wrongs.push_back(what); },
            [](const std::string&) {});
    }

    static std::string path_of(agent::seq_t first) { return "/state/ring/" + agent::segment_name(first); }

    std::uint64_t begin(net::mapped_file& mapped) {
        const agent::ring_identity identity{next_seq * 77, next_seq};
        agent::write_header(mapped.bytes(), identity, {});
        const auto number = book.make(10, 0, 0, {});
        book.at(number).what = fate::accepted;
        const std::string line = R"({"capture_session_id":"one","seq":)" + std::to_string(next_seq) +
                                 R"(,"event":)" + book.at(number).text + "}";
        std::memcpy(mapped.bytes().data() + agent::ring_header_bytes + 32, line.data(), line.size());
        ++next_seq;
        return number;
    }

    // A roll-over; the number of the event.
    std::uint64_t add() { return begin(*create(path_of(next_seq), size)); }

    void recycle(agent::seq_t first) {
        EXPECT_FALSE(files->rename(path_of(first), path_of(next_seq)));
        begin(**files->open_mapped(path_of(next_seq)));
    }

    void blank(agent::seq_t first) {
        auto mapped = files->open_mapped(path_of(first));
        agent::blank_header((*mapped)->bytes());
    }

    void look() { dynamic_cast<ring_checker&>(*storage->watcher).look(); }

    void fill_disk() {
        storage->capacity_bytes = storage->used_bytes();
        EXPECT_FALSE(files->create_mapped(path_of(next_seq), size));
    }
};

TEST_F(ring_checker_test, what_s2_has_may_go) {
    book.at(add()).landed.push_back(1);
    add();
    EXPECT_FALSE(files->remove(path_of(1)));
    EXPECT_EQ(wrongs, std::vector<std::string>());
}

TEST_F(ring_checker_test, what_s2_lacks_may_not_go_while_there_is_room) {
    const auto first = add();
    add();
    EXPECT_FALSE(files->remove(path_of(1)));
    EXPECT_EQ(wrongs.size(), 1);
    EXPECT_TRUE(book.at(first).gone);
    EXPECT_EQ(book.at(first).session, "one");
    recycle(2);
    EXPECT_EQ(wrongs.size(), 2);
}

TEST_F(ring_checker_test, at_the_capacity_the_oldest_may_go) {
    watch(2);
    add();
    add();
    recycle(1);
    recycle(2);
    EXPECT_EQ(wrongs, std::vector<std::string>());
}

TEST_F(ring_checker_test, a_full_disk_takes_one_segment_a_roll_over) {
    for (int count = 0; count < 5; ++count)
        add();
    fill_disk();
    recycle(1);
    EXPECT_EQ(wrongs, std::vector<std::string>());
    recycle(2);
    EXPECT_EQ(wrongs.size(), 1) << "nobody asked the disk again";
    fill_disk();
    EXPECT_FALSE(files->remove(path_of(3)));
    EXPECT_EQ(wrongs.size(), 1);
    recycle(4);
    EXPECT_EQ(wrongs.size(), 2) << "the second of one roll-over";
}

TEST_F(ring_checker_test, a_segment_blanked_where_it_stands_is_lost_whatever_the_fill) {
    watch(2);
    const auto first = add();
    add();
    add();
    look();
    EXPECT_EQ(wrongs, std::vector<std::string>());
    blank(1);
    look();
    EXPECT_EQ(wrongs.size(), 1);
    EXPECT_TRUE(book.at(first).gone);
    look();
    EXPECT_FALSE(files->remove(path_of(1)));
    EXPECT_EQ(wrongs.size(), 1) << "told once";
}

TEST_F(ring_checker_test, what_a_crash_tore_is_no_drop) {
    add();
    add();
    EXPECT_FALSE(files->sync_directory("/state/ring"));
    files->kill();
    draw source(1);
    storage->crash(source);
    restart();
    EXPECT_FALSE(files->remove(path_of(1)));
    EXPECT_EQ(wrongs, std::vector<std::string>());
}

} // namespace
} // namespace sim::test
