#pragma once
// What tests of the agent's parts stand on: time that moves only when everything waits, real files (which can
// be made to fail), and the neighbours of a capture session.

#include "../net/test_world.hpp"
#include "agent/delivery/s2_sink.hpp"
#include "agent/session/capture.hpp"
#include "net/system/files.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

namespace agent::test {

// Real files; appending and syncing fail where a test says so.
class failing_files final : public net::file_system {
    class failing_file final : public net::file {
    public:
        failing_file(std::unique_ptr<net::file> inner, failing_files& owner)
            : inner_(std::move(inner))
            , owner_(owner) {}

        net::result<std::uint64_t> size() override { return inner_->size(); }

        net::result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
            return inner_->read_at(offset, into);
        }

        net::error_code append(std::string_view bytes) override {
            ++owner_.appends;
            if (owner_.appends_until_error == 0)
                return make_error_code(boost::system::errc::no_space_on_device);
            if (owner_.appends_until_error > 0)
                --owner_.appends_until_error;
            return inner_->append(bytes);
        }

        net::error_code truncate(std::uint64_t size) override { return inner_->truncate(size); }

        net::error_code sync() override { return inner_->sync(); }

    private:
        std::unique_ptr<net::file> inner_;
        failing_files& owner_;
    };

    class failing_mapping final : public net::mapped_file {
    public:
        failing_mapping(std::unique_ptr<net::mapped_file> inner, failing_files& owner)
            : inner_(std::move(inner))
            , owner_(owner) {}

        std::span<std::byte> bytes() noexcept override { return inner_->bytes(); }

        net::error_code sync() override {
            if (owner_.mapping_sync_error || owner_.mapping_syncs_nothing)
                return owner_.mapping_sync_error;
            return inner_->sync();
        }

    private:
        std::unique_ptr<net::mapped_file> inner_;
        failing_files& owner_;
    };

    net::result<std::unique_ptr<net::mapped_file>>
    wrapped(net::result<std::unique_ptr<net::mapped_file>> made) {
        if (!made)
            return made;
        return std::unique_ptr<net::mapped_file>(std::make_unique<failing_mapping>(std::move(*made), *this));
    }

public:
    net::error_code mapping_sync_error; // while set
    bool mapping_syncs_nothing = false; // for tests that have many, and no crash of the machine
    int appends = 0;
    int appends_until_error = -1; // never
    net::error_code memory_fails; // anonymous() says so while set
    net::error_code open_mapped_fails;

    net::error_code create_directories(const path& dir, unsigned mode) override {
        return real_->create_directories(dir, mode);
    }

    net::result<std::vector<net::file_entry>> list(const path& dir) override { return real_->list(dir); }

    bool exists(const path& file) override { return real_->exists(file); }

    net::error_code remove(const path& file) override { return real_->remove(file); }

    net::error_code rename(const path& from, const path& to) override { return real_->rename(from, to); }

    net::result<std::string> read_all(const path& file, std::uint64_t limit_bytes) override {
        return real_->read_all(file, limit_bytes);
    }

    net::error_code replace(const path& file, std::string_view content, unsigned mode) override {
        return real_->replace(file, content, mode);
    }

    net::error_code replace_unsynced(const path& file, std::string_view content, unsigned mode) override {
        return real_->replace_unsynced(file, content, mode);
    }

    net::error_code sync_directory(const path& dir) override { return real_->sync_directory(dir); }

    net::result<std::unique_ptr<net::file>> open(const path& file, bool create) override {
        auto opened = real_->open(file, create);
        if (!opened)
            return opened.error();
        return std::unique_ptr<net::file>(std::make_unique<failing_file>(std::move(*opened), *this));
    }

    net::result<std::unique_ptr<net::file>> open_to_read(const path& file) override {
        return real_->open_to_read(file);
    }

    net::result<std::unique_ptr<net::mapped_file>> create_mapped(const path& file,
                                                                 std::uint64_t size) override {
        return wrapped(real_->create_mapped(file, size));
    }

    net::result<std::unique_ptr<net::mapped_file>> open_mapped(const path& file) override {
        if (open_mapped_fails)
            return open_mapped_fails;
        return wrapped(real_->open_mapped(file));
    }

    net::result<std::unique_ptr<net::mapped_file>> anonymous(std::uint64_t size) override {
        if (memory_fails)
            return memory_fails;
        return real_->anonymous(size);
    }

    net::result<std::unique_ptr<net::file_lock>> lock(const path& file, std::string_view ours,
                                                      std::string& holder) override {
        return real_->lock(file, ours, holder);
    }

    std::optional<std::string> fingerprint(const path& file) override { return real_->fingerprint(file); }

    std::string file_system_type(const path& dir) override { return real_->file_system_type(dir); }

private:
    std::unique_ptr<net::file_system> real_ = net::make_system_files();
};

class agent_world final : public net::environment {
public:
    failing_files disk;
    std::string boot = "test";
    net::test::test_world world;
    net::descriptor_supply supply;
    std::function<net::result<std::unique_ptr<net::listener>>(const net::endpoint&)>
        listening; // none: refused

    net::asio::any_io_executor executor() override { return world.executor(); }

    net::time_point now() const override { return world.now(); }

    net::wall_micros wall_now() const override { return world.wall_now(); }

    std::unique_ptr<net::timer> make_timer() override { return world.make_timer(); }

    void random_bytes(std::span<std::byte> out) override { world.random_bytes(out); }

    net::task<net::result<std::unique_ptr<net::stream>>> dial(const net::endpoint& to,
                                                              net::time_point by) override {
        return world.dial(to, by);
    }

    net::result<std::unique_ptr<net::listener>> listen(const net::endpoint& at) override {
        return listening ? listening(at) : world.listen(at);
    }

    net::result<std::unique_ptr<net::stream>> standard_input() override { return world.standard_input(); }

    net::file_system& files() override { return disk; }

    std::string boot_id() const override { return boot; }

    net::descriptor_supply descriptors() override { return supply; }

    net::task<void> on_helper_impl(std::function<void()> work) override {
        return world.on_helper_impl(std::move(work));
    }
};

class scratch_dir {
public:
    scratch_dir() {
        std::string name = (std::filesystem::temp_directory_path() / "ringtail-XXXXXX").string();
        path = mkdtemp(name.data());
    }

    ~scratch_dir() { std::filesystem::remove_all(path); }

    scratch_dir(const scratch_dir&) = delete;
    scratch_dir& operator=(const scratch_dir&) = delete;

    std::filesystem::path path;
};

struct fake_placement final : placement {
    place at{"basin-one", "https://a.example", "https://{basin}.example"};
    std::string prefix = "streams/";
    std::set<std::uint32_t> owing;
    seq_t settled_to = 0; // of those as well

    session_part place_session(std::string_view session_id, seq_t from_seq) override {
        return {at, prefix + std::string(session_id), from_seq};
    }

    bool owes(const session_record& session) const override { return owing.contains(session.number); }

    bool owes_in(const session_record& session, const session_span& span) const override {
        return owes(session) && span.to_seq > settled_to;
    }
};

// S2 lacks everything, or nothing.
struct fake_retention final : ring_retention {
    bool owes_all = false;
    std::uint64_t dropped = 0;

    bool owed(seq_t, seq_t) const override { return owes_all; }

    void letting_go(std::uint64_t, seq_t first, seq_t last) override {
        dropped += owes_all ? last - first + 1 : 0;
    }
};

// One agent's capture session over a ring, in memory without a directory.
struct capture_setup {
    agent_world& env;
    fake_placement where;
    fake_retention retention;
    ring_recovery recovery;
    std::unique_ptr<ring> journal;
    std::unique_ptr<session_table> table;
    std::unique_ptr<capture> sessions;

    explicit capture_setup(agent_world& world, std::filesystem::path dir = {},
                           std::uint64_t capacity = 16 << 20, std::uint64_t live_history = 4 << 20)
        : env(world) {
        auto opened_table = session_table::open(env, dir);
        EXPECT_TRUE(opened_table) << opened_table.error().message();
        table = std::move(*opened_table);
        ring_options options{dir.empty() ? dir : dir / "ring", capacity, live_history};
        auto opened = ring::open(env, options, 0, recovery);
        EXPECT_TRUE(opened) << opened.error().message();
        journal = std::move(*opened);
        journal->set_retention(&retention);
        sessions = std::make_unique<capture>(env, *journal, *table, where);
    }

    const session_record& start(start_request request = {}) {
        auto started = sessions->start(request);
        EXPECT_TRUE(std::holds_alternative<const session_record*>(started));
        table->on_synced(table->generation(), {});
        return *std::get<const session_record*>(started);
    }

    // The envelope's seq; 0 where it was not accepted.
    seq_t publish(std::string_view text) {
        const auto outcome = sessions->publish(text, event_origin::intake);
        const auto* accepted = std::get_if<publish_accepted>(&outcome);
        return accepted ? accepted->seq : 0;
    }

    std::string refusal(std::string_view text) {
        const auto outcome = sessions->publish(text, event_origin::intake);
        const auto* refused = std::get_if<publish_refused>(&outcome);
        return refused ? refused->code : "";
    }

    // Every envelope from a seq on; a gap as "gap FROM-TO".
    std::vector<std::string> envelopes(seq_t from = 1) {
        std::vector<std::string> all;
        ring_cursor cursor(*journal, from);
        for (auto item = cursor.next(); !std::holds_alternative<ring_cursor::nothing>(item);
             item = cursor.next()) {
            if (const auto* entry = std::get_if<ring_entry>(&item))
                all.emplace_back(entry->line);
            else
                all.push_back("gap " + std::to_string(std::get<ring_gap>(item).from_seq) + "-" +
                              std::to_string(std::get<ring_gap>(item).to_seq));
        }
        return all;
    }

    // Publishes until the ring has let go of its oldest envelopes.
    void overrun() {
        const std::string big = R"({"type":"console_log","data":")" + std::string(900'000, 'x') + R"("})";
        while (journal->first_seq() <= 2)
            ASSERT_NE(publish(big), 0u);
    }
};

constexpr const char* id_one = "11111111-1111-4111-8111-111111111111";
constexpr const char* id_two = "22222222-2222-4222-8222-222222222222";

} // namespace agent::test
