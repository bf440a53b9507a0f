#include "tests/sim/checkers/stream_checker.hpp"

#include "agent/event/event.hpp"

#include <boost/json.hpp>

namespace sim {

void stream_checker::wrong(stream_id stream, const model_record& record, const std::string& what) const {
    throw verdict(exit_correctness, "stream " + std::to_string(stream) + " at " +
                                        std::to_string(record.seq_num) + ": " + what + ": " +
                                        record.body.substr(0, 200));
}

namespace {

std::uint64_t trim_point(const model_record& command) {
    std::uint64_t point = 0; // big-endian
    for (const char each : command.body)
        point = point << 8 | static_cast<unsigned char>(each);
    return point;
}

} // namespace

void stream_checker::committed(stream_id stream, std::uint64_t first_seq,
                               std::span<const model_record> records) {
    // What everything was trimmed from tells nobody any more what it had.
    if (records.front().header_value == "trim" && trim_point(records.front()) >= first_seq)
        streams_.erase(stream);
    std::string line = "commit " + std::to_string(stream) + " [" + std::to_string(first_seq) + ", " +
                       std::to_string(first_seq + records.size()) + ")";
    if (records.front().is_command)
        line += " " + records.front().header_value + " " + records.front().body;
    else if (const auto head = agent::parse_envelope_head(records.front().body); head && head->seq)
        line += " from seq " + std::to_string(*head->seq);
    world_.say("service", line);
    for (const auto& record : records)
        if (!record.is_command && !record.body.starts_with(foreign_body))
            check(stream, record);
}

void stream_checker::check(stream_id stream, const model_record& record) {
    const auto head = agent::parse_envelope_head(record.body);
    if (!head)
        wrong(stream, record, "not an envelope");
    ++envelopes_;
    auto& there = streams_[stream];
    if (head->seq) {
        auto& last = there.last_seq[agents_ > 1 ? std::string(head->capture_session_id) : std::string()];
        if (*head->seq <= last)
            wrong(stream, record, "seq does not rise from " + std::to_string(last));
        last = *head->seq;
    }
    try {
        if (ledger::number_of(record.body))
            producers(stream, there, record.body, head->seq.value_or(0), head->capture_session_id);
        else
            own(stream, record.body, head->seq, std::string(head->capture_session_id));
    } catch (const std::runtime_error& why) {
        wrong(stream, record, why.what());
    }
}

void stream_checker::producers(stream_id stream, seen& there, std::string_view line, seq_t seq,
                               std::string_view session) {
    const auto number = *ledger::number_of(line);
    if (number >= book_.events().size())
        throw std::runtime_error("never published");
    auto& event = book_.at(number);
    if (ledger::event_of(line) != event.text)
        throw std::runtime_error("other bytes than were published: " + event.text.substr(0, 120));
    if (event.seq && *event.seq != seq)
        throw std::runtime_error("the publisher was told seq " + std::to_string(*event.seq));
    if (!event.shown.empty() && event.shown != line)
        throw std::runtime_error("the publisher was shown " + event.shown.substr(0, 120));
    if (event.what == fate::refused)
        throw std::runtime_error("the publisher was told that it was refused");
    if (!there.numbers.insert(number).second)
        throw std::runtime_error("repeated");
    if (event.landed.empty())
        event.landed_at = world_.now();
    event.landed.push_back(stream);
    event.landed_seq = seq;
    event.session = session;
}

void stream_checker::own(stream_id stream, std::string_view line, std::optional<seq_t> seq,
                         const std::string& session) {
    const auto parsed = boost::json::parse(line);
    const auto& event = parsed.at("event").as_object();
    const auto& type = event.at("type").as_string();
    if (type == "system_durable_error")
        throw std::runtime_error("a local event was sent to S2");
    if (type == "session_continued") {
        book_.continued.push_back({stream, event.at("data").at("from_seq").to_number<seq_t>()});
        if (seq)
            throw std::runtime_error("session_continued has no seq");
    }
    if (type != "events_dropped")
        return;
    const auto& data = event.at("data").as_object();
    const auto from = data.at("from_seq").to_number<seq_t>();
    const auto to = data.at("to_seq").to_number<seq_t>();
    if (seq != to || from > to)
        throw std::runtime_error("events_dropped stands elsewhere than it says");
    book_.dropped.push_back({stream, session, from, to, std::string(data.at("reason").as_string())});
}

} // namespace sim
