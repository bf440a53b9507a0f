// What a server sends in an append and in a read session, as steps: frames of any content against both
// deciding halves.
#include "s2/append_session_state.hpp"
#include "s2/protobuf.hpp"
#include "s2/read_session_state.hpp"
#include "s2/writer.hpp"
#include "tests/fuzz/input.hpp"

namespace {

s2::stream_position position(fuzz::steps& input) {
    return {input.number(2), input.number(1)};
}

s2::frame frame(fuzz::steps& input, bool of_acks) {
    s2::frame made;
    const auto kind = input.byte();
    made.terminal = kind % 8 == 7;
    made.reconnect_advised = kind % 8 == 6;
    if (made.terminal || kind % 8 == 5) {
        made.payload = input.bytes(input.byte());
    } else if (of_acks) {
        const auto start = position(input);
        const s2::stream_position end{start.seq_num + input.byte() % 4, start.timestamp + input.byte() % 4};
        s2::encode_append_ack({start, end, {end.seq_num + input.byte() % 4, end.timestamp}}, made.payload);
    } else {
        s2::read_batch batch;
        for (auto left = input.byte() % 4; left > 0; --left) {
            const auto at = position(input);
            batch.records.push_back(
                {at.seq_num, at.timestamp, {}, std::string(input.bytes(input.byte() % 16))});
        }
        if (input.byte() % 2)
            batch.tail = position(input);
        s2::encode_read_batch(batch, made.payload);
    }
    return made;
}

class records final : public s2::batch_content {
public:
    explicit records(std::size_t count)
        : views_(count) {}

    std::span<const s2::record_view> views() const override { return views_; }

    std::uint64_t metered_size() const override { return 10 * views_.size(); }

private:
    std::vector<s2::record_view> views_;
};

class no_judge final : public s2::record_judge {
public:
    std::size_t durable = 0;

    void on_durable(std::unique_ptr<s2::batch_content>, s2::proof) override { ++durable; }

    bool is_ours(const s2::sequenced_record&) override { return false; }

    bool shows_another_writer(const s2::sequenced_record&) override { return false; }

    bool predates_ours(const s2::sequenced_record&) override { return false; }
};

// An append session and the writer that keeps its batches, over whatever acks come.
void append(fuzz::steps input) {
    s2::append_session_state session;
    no_judge judge;
    s2::writer writer({}, "token", judge);
    writer.on_tail(0);
    writer.on_stored();
    writer.on_fenced(0);
    writer.on_stored();
    writer.out().on_opened();
    std::size_t sent = 0;
    std::optional<std::uint64_t> last_end;
    while (!input.over()) {
        s2::append_event event = session.ended();
        switch (input.byte() % 8) {
        case 0:
        case 1:
        case 2:
            if (!session.can_send())
                continue;
            writer.freeze(std::make_unique<records>(1 + input.byte() % 3));
            writer.out().on_sending();
            ++sent;
            continue;
        case 3:
            event = session.on_end_of_stream(input.byte() % 2);
            break;
        case 4:
            session.half_closing();
            continue;
        default:
            event = session.on_frame(frame(input, true));
        }
        if (event.what == s2::append_event::kind::end) {
            NET_ASSERT(session.has_ended() && !session.can_send(), "after the end nothing is sent");
            continue;
        }
        NET_ASSERT(!session.has_ended(), "no ack comes after the end");
        NET_ASSERT(!last_end || event.ack.start.seq_num >= *last_end, "acks go forward");
        last_end = event.ack.end.seq_num;
        const auto before = writer.memory().durable;
        const auto oldest_end =
            writer.out().batches().empty() ? before : writer.out().batches().front().end();
        const auto wrong = writer.on_ack(event.ack, 0);
        NET_ASSERT(writer.memory().durable == (wrong ? before : event.ack.end.seq_num),
                   "an ack that fits moves what is durable, and no other");
        NET_ASSERT(wrong || event.ack.end.seq_num == oldest_end, "an ack answers the oldest batch");
        NET_ASSERT(writer.out().batches().size() + judge.durable == sent,
                   "what is in flight is what is unacknowledged");
    }
}

void read(fuzz::steps input) {
    const auto choice = input.byte();
    s2::read_start start{static_cast<s2::read_start::kind>(choice % 3), input.number(2), (choice & 4) != 0};
    s2::read_limits limits;
    if (choice & 8)
        limits.count = input.byte();
    if (choice & 16)
        limits.bytes = input.number(2);
    if (choice & 32)
        limits.wait_seconds = input.byte();
    s2::read_session_state session(start, limits);
    net::time_point now{};
    while (!input.over()) {
        const auto before = session.position();
        const auto request = session.next_request(now);
        if (!request)
            return;
        NET_ASSERT(!before || (request->start.from == s2::read_start::kind::seq_num &&
                               request->start.value == *before),
                   "once the position is known, a request asks for it");
        NET_ASSERT(!limits.count || request->limits.count <= limits.count, "what is asked for only shrinks");
        NET_ASSERT(!limits.wait_seconds || request->limits.wait_seconds <= limits.wait_seconds,
                   "the wait only shrinks");
        auto step = s2::read_session_state::step::heartbeat;
        while (!input.over() && (step == s2::read_session_state::step::heartbeat ||
                                 step == s2::read_session_state::step::batch)) {
            now += std::chrono::milliseconds(input.byte() * 16);
            if (input.byte() % 8 == 0) {
                step = session.on_end_of_stream(input.byte() % 2);
                continue;
            }
            s2::read_batch batch;
            auto expected = session.position();
            step = session.on_frame(frame(input, false), batch, now);
            if (step != s2::read_session_state::step::batch)
                continue;
            for (const auto& record : batch.records) {
                NET_ASSERT(!expected || record.seq_num >= *expected, "records come in order, and once");
                expected = record.seq_num + 1;
            }
            NET_ASSERT(session.position() == expected, "the position is behind the last record");
            (void)session.should_move(now);
        }
        if (step == s2::read_session_state::step::failed) {
            NET_ASSERT(session.failure(), "a failure says why");
            return;
        }
        if (step == s2::read_session_state::step::done)
            return;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::steps input(fuzz::text_of(data, size));
    append(input);
    read(input);
    return 0;
}
