// Streams that leave the delivery table for the history, and come back.
#include "agent/delivery/s2_sink.hpp"

namespace agent {

// Where one name is every session's, that stream and those that continue it: that it is lost has to be known
// at each start, whatever becomes of the history.
bool s2_sink::stands_for_all(const delivery_table::entry& entry) const {
    std::string stream = stream_for("");
    for (std::size_t steps = 0; steps < deliveries_max; ++steps) {
        const auto* one = deliveries_.find(options_.at, stream);
        if (one == &entry || one == nullptr)
            return one != nullptr;
        stream = one->state.continued_as;
    }
    return false;
}

bool s2_sink::may_leave(const delivery_table::entry& entry) const {
    return gives_way(entry) && !stands_for_all(entry);
}

void s2_sink::leave(delivery_table::entry& entry) {
    holds_.erase(&entry);
    std::erase(unsettled_, &entry);
    deliveries_.remove(entry);
}

std::optional<session_part> s2_sink::goes_on_in_unknown(std::string_view session_id) const {
    const auto* known = sessions_.find(session_id);
    const bool stays = known && !known->parts.empty() && known->parts.back().at == options_.at;
    // A new session with an id that nobody had yet has a stream that nobody had yet.
    if (session_id.empty() && stream_for("") != stream_for("-"))
        return std::nullopt;
    std::string stream = stays ? known->parts.back().stream : stream_for(session_id);
    if (present_entry(stream))
        return std::nullopt;
    return session_part{options_.at, std::move(stream), 0};
}

bool s2_sink::take_back(delivery_state state) {
    return make_room() && deliveries_.add(std::move(state)) != nullptr;
}

} // namespace agent
