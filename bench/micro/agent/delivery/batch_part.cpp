// From the ring to batches, and from batches to S2S frames.

#include "agent/delivery/stream_feed.hpp"
#include "bench/micro/kit.hpp"
#include "bench/micro/part.hpp"
#include "s2/append_frame.hpp"

namespace bench {
namespace {

constexpr std::size_t small_batch = 50; // the default count that ends the linger

// The decision alone: when do the records that wait become a batch?
work decide() {
    agent::batch_facts facts;
    auto& waiting = facts.waiting;
    const net::time_point now{};
    work done;
    for (const auto line : envelopes()) {
        const auto metered = s2::metered_bytes(0, 0, line.size());
        must(waiting.fits(metered), "a record fits");
        ++waiting.records;
        waiting.metered_bytes += metered;
        if (agent::decide_batch({}, facts, now).what == agent::batch_decision::kind::freeze)
            waiting = {};
        ++done.events;
        done.bytes += line.size();
    }
    return done;
}

round_function prepare_decide() {
    return decide;
}

// A backlog: all that the ring holds, in the largest batches, each durable before the next is taken.
work gather(recording& from) {
    agent::delivery_state state;
    state.at = recording::place();
    state.stream = recording::stream();
    agent::stream_feed feed(from.real.env, *from.journal, *from.sessions, state);
    feed.start();
    work done;
    for (feed.gather({}); !feed.waiting().empty(); feed.gather({})) {
        auto batch = feed.take();
        done.events += batch->records.size();
        done.bytes += batch->metered_bytes;
        feed.on_durable(std::move(batch), s2::proof::acknowledged);
    }
    must(done.events == from.journal->last_seq(), "everything was gathered");
    return done;
}

round_function prepare_gather() {
    auto from = std::make_shared<recording>();
    from->publish_generated();
    return [from] { return gather(*from); };
}

round_function prepare_encode(std::size_t batch) {
    return [frame = s2::append_frame(), batch]() mutable {
        const std::span all(records());
        work done{all.size(), 0};
        for (std::size_t first = 0; first < all.size(); first += batch)
            done.bytes += net::asio::buffer_size(
                frame.lay_out(all.subspan(first, batch), 1'000'000, "token-of-a-writer"));
        return done;
    };
}

round_function prepare_encode_small() {
    return prepare_encode(small_batch);
}

round_function prepare_encode_large() {
    return prepare_encode(s2::batch_records_max);
}

const registered_part deciding("batch/decide", prepare_decide);
const registered_part gathering("batch/gather", prepare_gather);
const registered_part encoding_small("batch/encode_50", prepare_encode_small);
const registered_part encoding_large("batch/encode_1000", prepare_encode_large);

} // namespace
} // namespace bench
