#pragma once
// A stream_feed over a ring and a session table of its own.

#include "agent/delivery/stream_feed.hpp"
#include "agent/event/event.hpp"
#include "agent/event/system_events.hpp"
#include "tests/unit/agent/support/ring_kit.hpp"

#include <boost/json.hpp>

namespace agent::test {

inline constexpr const char* id_a = "aaaaaaaa-0000-4000-8000-000000000001";
inline constexpr const char* id_b = "bbbbbbbb-0000-4000-8000-000000000002";
inline const place here{"basin-one", "http://s2", "http://s2"};

// Retention by a switch: everything is owed, or nothing.
class switched_retention final : public ring_retention {
public:
    bool all_owed = true;

    bool owed(seq_t, seq_t) const override { return all_owed; }

    void letting_go(std::uint64_t, seq_t, seq_t) override {}
};

struct stream_feed_test : testing::Test {
    memory_world env;
    ring_recovery recovery;
    std::unique_ptr<ring> journal;
    std::unique_ptr<session_table> sessions = std::move(*session_table::open(env, {}));
    switched_retention retention;
    delivery_state state;
    std::unique_ptr<stream_feed> feed;
    net::time_point now{};

    stream_feed_test() { open_ring(); }

    void open_ring(seq_t ceiling = 0) {
        journal = std::move(*ring::open(env, options_of(), ceiling, recovery));
        journal->set_retention(&retention);
    }

    std::uint32_t add_session(const char* id, std::string stream, bool active = true) {
        session_record fresh;
        fresh.id = id;
        fresh.active = active;
        fresh.spans.push_back({journal->next_seq(), 0});
        fresh.parts.push_back({here, std::move(stream), journal->next_seq()});
        return sessions->add(std::move(fresh), [](const auto&) { return true; })->number;
    }

    void end_session(std::uint32_t number) {
        sessions->update(number, [&](session_record& record) {
            record.active = false;
            record.spans.back().to_seq = journal->last_seq();
        });
    }

    // An envelope of that session; `fill` bytes of padding.
    std::string publish_event(std::uint32_t number, std::size_t fill = 0, bool own = false) {
        const auto* session = sessions->find(number);
        const std::string data = "\"" + std::string(fill, 'x') + "\"";
        auto line = own_envelope(session->id, journal->next_seq(), 5000, "t", data);
        EXPECT_TRUE(test::publish(*journal, line, number, own));
        return line;
    }

    stream_feed& open_feed(std::string stream = "one") {
        state.at = here;
        state.stream = std::move(stream);
        feed = std::make_unique<stream_feed>(env, *journal, *sessions, state);
        return *feed;
    }

    gathered_batch take_all() {
        feed->gather(now);
        return std::move(*feed->take());
    }

    void resolve(const gathered_batch& batch) {
        feed->on_durable(std::make_unique<gathered_batch>(batch), s2::proof::acknowledged);
    }

    static std::vector<std::string> bodies(const gathered_batch& batch) {
        std::vector<std::string> found;
        for (const auto& record : batch.records)
            found.emplace_back(record.body);
        return found;
    }

    static s2::sequenced_record record(std::string body) { return {0, 0, {}, std::move(body)}; }
};

} // namespace agent::test
