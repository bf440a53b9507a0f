#include "agent/delivery/delivery.hpp"

namespace agent {

std::string_view name_of(delivery_condition value) {
    switch (value) {
    case delivery_condition::idle:
        return "idle";
    case delivery_condition::delivering:
        return "delivering";
    case delivery_condition::failing:
        return "failing";
    case delivery_condition::parked:
        return "parked";
    case delivery_condition::streams_parked:
        return "streams_parked";
    case delivery_condition::held:
        break;
    }
    return "held";
}

std::string_view name_of(stream_state value) {
    switch (value) {
    case stream_state::waiting:
        return "waiting";
    case stream_state::parked:
        return "parked";
    case stream_state::held:
        break;
    }
    return "held";
}

std::string refused_streams_text(const delivery_status& status) {
    const undelivered_stream* first = nullptr;
    std::size_t more = status.streams_not_listed;
    for (const auto& stream : status.streams) {
        if (stream.state != stream_state::parked)
            continue;
        if (first)
            ++more;
        else
            first = &stream;
    }
    if (!first)
        return {};
    const auto text = "stream " + first->stream + " at " + first->at.text() + ": " + first->reason;
    return more == 0 ? text : text + " (and " + std::to_string(more) + " more)";
}

} // namespace agent
