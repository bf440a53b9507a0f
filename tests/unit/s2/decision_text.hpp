#pragma once
// What the machines of s2 decide, in words for a failed test. Tests compare whole decisions (==), so that a member that
// nobody asked for fails them.

#include "s2/append_session_state.hpp"
#include "s2/read_session_state.hpp"

#include <ostream>

namespace s2 {

inline void PrintTo(const stream_position& position, std::ostream* out) {
    *out << position.seq_num << "@" << position.timestamp;
}

inline void PrintTo(const append_ack& ack, std::ostream* out) {
    *out << "ack ";
    PrintTo(ack.start, out);
    *out << " to ";
    PrintTo(ack.end, out);
    *out << ", tail ";
    PrintTo(ack.tail, out);
}

inline void PrintTo(const error& failure, std::ostream* out) {
    *out << failure.text() << " (" << name_of(classify(failure))
         << (failure.sent ? ", sent)" : ", not sent)");
}

inline void PrintTo(const append_event& event, std::ostream* out) {
    if (event.what == append_event::kind::ack)
        PrintTo(event.ack, out);
    else
        *out << "end";
    *out << (event.reconnect_advised ? ", reconnect advised" : "");
    if (event.failure) {
        *out << ": ";
        PrintTo(*event.failure, out);
    }
}

inline void PrintTo(const read_session_state::step& taken, std::ostream* out) {
    using enum read_session_state::step;
    switch (taken) {
    case batch:
        *out << "batch";
        return;
    case heartbeat:
        *out << "heartbeat";
        return;
    case reconnect:
        *out << "reconnect";
        return;
    case done:
        *out << "done";
        return;
    case failed:
        *out << "failed";
        return;
    }
}

inline void PrintTo(const read_session_state::request& request, std::ostream* out) {
    const auto& [start, limits] = request;
    *out << (start.from == read_start::kind::seq_num     ? "seq "
             : start.from == read_start::kind::timestamp ? "time "
                                                         : "offset ")
         << start.value << (start.clamp ? " clamp" : "");
    if (limits.count)
        *out << " count " << *limits.count;
    if (limits.bytes)
        *out << " bytes " << *limits.bytes;
    if (limits.until)
        *out << " until " << *limits.until;
    if (limits.wait_seconds)
        *out << " wait " << *limits.wait_seconds;
}

} // namespace s2
