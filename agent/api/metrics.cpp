#include "agent/api/metrics.hpp"

#include <array>

namespace agent {
namespace {

class writer {
public:
    void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
        family(name, "gauge", help);
        sample(name, {}, value);
    }

    void counter(std::string_view name, std::string_view help, std::uint64_t value) {
        family(name, "counter", help);
        sample(name, {}, value);
    }

    void family(std::string_view name, std::string_view type, std::string_view help) {
        text_ += "# HELP ringtail_" + std::string(name) + " " + std::string(help) + "\n";
        text_ += "# TYPE ringtail_" + std::string(name) + " " + std::string(type) + "\n";
    }

    void sample(std::string_view name, std::string_view labels, std::uint64_t value) {
        text_ += "ringtail_" + std::string(name);
        if (!labels.empty())
            text_ += "{" + std::string(labels) + "}";
        text_ += " " + std::to_string(value) + "\n";
    }

    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

std::string label(std::string_view name, std::string_view value) {
    return std::string(name) + "=\"" + std::string(value) + "\"";
}

// They begin anew with each session, so they are no counters.
void write_session(writer& to, const session_account& of) {
    to.family("session_events", "gauge", "Producers' events of the active or last session.");
    to.sample("session_events", label("state", "published"), of.published);
    to.sample("session_events", label("state", "durable"), of.durable);
    to.sample("session_events", label("state", "undelivered"), of.undelivered);
    to.sample("session_events", label("state", "dropped"), of.dropped);
}

void write_delivery(writer& to, const delivery_status& of) {
    using enum delivery_condition;
    constexpr std::array conditions{idle, delivering, failing, parked, streams_parked, held};
    to.gauge("durable_seq", "Everything up to it is acknowledged by S2.", of.durable_seq);
    to.gauge("undelivered_events", "Producers' events that S2 has not acknowledged.", of.undelivered_events);
    to.gauge("undelivered_bytes", "Bytes that they take in the ring.", of.undelivered_bytes);
    to.family("delivery_condition", "gauge", "1 for the condition that delivery is in.");
    for (const auto each : conditions)
        to.sample("delivery_condition", label("condition", name_of(each)), of.condition == each ? 1 : 0);
    to.family("undelivered_streams", "gauge",
              "Streams with something undelivered, of those that are listed.");
    for (const auto each : {stream_state::waiting, stream_state::parked, stream_state::held}) {
        std::uint64_t count = 0;
        for (const auto& stream : of.streams)
            count += stream.state == each ? 1 : 0;
        to.sample("undelivered_streams", label("state", name_of(each)), count);
    }
}

} // namespace

std::string metrics_text(const metrics_facts& of) {
    writer to;
    to.family("build_info", "gauge", "The version that runs.");
    to.sample("build_info", label("version", RINGTAIL_VERSION), 1);
    to.gauge("ready", "1 while ring and intakes are open and the agent does not stop.", of.ready ? 1 : 0);
    to.gauge("last_seq", "The newest envelope's seq.", of.last_seq);
    write_session(to, of.account.session.value_or(session_account{}));
    to.counter("refused_events_total", "Events that were not taken: bad input, or no room.", of.refused);
    to.counter("filtered_events_total", "Events outside the session's categories.", of.filtered);
    write_delivery(to, of.account.delivery);
    to.gauge("ring_used_bytes", "Of all segments that are present.", of.ring_bytes);
    to.gauge("ring_capacity_bytes", "What they may take.", of.ring_capacity);
    to.counter("ring_disk_full_total", "Segments that a full disk had no room for.", of.disk_full);
    to.counter("ring_damaged_segments_total", "Segments that were met damaged.", of.damaged_segments);
    to.gauge("sse_clients", "Clients that are streaming.", of.sse_clients);
    to.gauge("connections", "Open connections to the API.", of.connections.open);
    to.gauge("connections_max", "How many there may be.", of.connections.most);
    return to.take();
}

} // namespace agent
