// From valid events to envelopes, and both together with what stands between: publishing.

#include "bench/micro/kit.hpp"
#include "bench/micro/part.hpp"

namespace bench {
namespace {

round_function prepare_write() {
    std::vector<agent::event> events;
    agent::event_parser parser;
    for (const auto line : generated_events()) {
        auto outcome = parser.parse(line, agent::event_origin::intake);
        must(std::holds_alternative<agent::event>(outcome), "a generated event is valid");
        events.push_back(std::get<agent::event>(outcome));
    }
    return [events = std::move(events), out = std::vector<char>(agent::envelope_bytes_max)]() mutable {
        work done;
        for (auto& one : events) {
            const auto seq = ++done.events;
            const auto bytes = agent::fit_envelope(one, session_id, seq);
            must(std::holds_alternative<std::size_t>(bytes), "an envelope is small enough");
            done.bytes += agent::write_envelope(one, session_id, seq, out.data());
        }
        return done;
    };
}

round_function prepare_publish() {
    return [to = std::make_shared<recording>()] {
        to->publish_generated();
        return work{generated_events().size(), bytes_of(envelopes())};
    };
}

const registered_part writing("envelope/write", prepare_write);
const registered_part publishing("capture/publish", prepare_publish);

} // namespace
} // namespace bench
