#include "agent/api/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

namespace agent {
namespace {

using testing::HasSubstr;

metrics_facts facts() {
    metrics_facts of;
    session_account session;
    session.session_id = "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f0001";
    session.stream = "some-stream";
    session.published = 10;
    session.durable = 7;
    session.undelivered = 2;
    session.dropped = 1;
    of.account.session = session;
    of.account.delivery.condition = delivery_condition::failing;
    of.account.delivery.reason = "some reason";
    of.account.delivery.durable_seq = 8;
    of.account.delivery.undelivered_events = 2;
    of.account.delivery.undelivered_bytes = 300;
    undelivered_stream stream;
    stream.stream = "some-stream";
    stream.state = stream_state::parked;
    of.account.delivery.streams = {stream, stream};
    of.ready = true;
    of.last_seq = 12;
    of.refused = 3;
    of.filtered = 4;
    of.ring_bytes = 2097152;
    of.ring_capacity = 268435456;
    of.disk_full = 5;
    of.damaged_segments = 6;
    of.sse_clients = 9;
    of.connections = {11, 256};
    return of;
}

TEST(metrics, say_each_number) {
    const auto text = metrics_text(facts());
    for (const char* line : {"ringtail_ready 1\n",
                             "ringtail_last_seq 12\n",
                             "ringtail_session_events{state=\"published\"} 10\n",
                             "ringtail_session_events{state=\"durable\"} 7\n",
                             "ringtail_session_events{state=\"undelivered\"} 2\n",
                             "ringtail_session_events{state=\"dropped\"} 1\n",
                             "ringtail_refused_events_total 3\n",
                             "ringtail_filtered_events_total 4\n",
                             "ringtail_durable_seq 8\n",
                             "ringtail_undelivered_events 2\n",
                             "ringtail_undelivered_bytes 300\n",
                             "ringtail_delivery_condition{condition=\"failing\"} 1\n",
                             "ringtail_delivery_condition{condition=\"idle\"} 0\n",
                             "ringtail_undelivered_streams{state=\"parked\"} 2\n",
                             "ringtail_undelivered_streams{state=\"waiting\"} 0\n",
                             "ringtail_ring_used_bytes 2097152\n",
                             "ringtail_ring_capacity_bytes 268435456\n",
                             "ringtail_ring_disk_full_total 5\n",
                             "ringtail_ring_damaged_segments_total 6\n",
                             "ringtail_sse_clients 9\n",
                             "ringtail_connections 11\n",
                             "ringtail_connections_max 256\n"})
        EXPECT_THAT(text, HasSubstr(line));
}

TEST(metrics, name_no_session_stream_or_reason) {
    const auto text = metrics_text(facts());
    for (const char* word : {"0e5fbd2c", "some-stream", "some reason"})
        EXPECT_THAT(text, testing::Not(HasSubstr(word)));
}

TEST(metrics, without_a_session_are_zero) {
    EXPECT_THAT(metrics_text({}), HasSubstr("ringtail_session_events{state=\"published\"} 0\n"));
}

// What a scraper asks of the format: each family once, its help and type before its samples, counters named
// for what they are.
TEST(metrics, keep_the_format) {
    std::istringstream lines(metrics_text(facts()));
    std::map<std::string, std::string> types;
    std::set<std::string> samples;
    std::string helped;
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string hash;
        std::string what;
        std::string name;
        if (line.starts_with("# HELP ")) {
            words >> hash >> what >> helped;
            EXPECT_FALSE(types.contains(helped)) << line;
        } else if (line.starts_with("# TYPE ")) {
            std::string type;
            words >> hash >> what >> name >> type;
            EXPECT_EQ(name, helped);
            EXPECT_EQ(type == "counter", name.ends_with("_total")) << line;
            types[name] = type;
        } else {
            name = line.substr(0, line.find_first_of("{ "));
            EXPECT_EQ(name, helped) << line;
            EXPECT_TRUE(types.contains(name)) << line;
            EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line;
        }
    }
    EXPECT_GT(samples.size(), 20u);
}

} // namespace
} // namespace agent
