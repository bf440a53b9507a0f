#pragma once
// A read session told in one of four ways: one JSON or protobuf body, S2S frames, or server-sent events
// (§2.6–2.8).

#include "s2/local/records_json.hpp"
#include "s2/local/reply.hpp"

namespace s2::local {

// `seq_num,records,metered bytes` so far, over all reconnects.
struct last_event_id {
    std::uint64_t seq_num = 0;
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;

    std::string text() const;
    void resume(read_request& request) const; // behind it, with what is left of the limits
};

std::optional<last_event_id> parse_last_event_id(std::string_view text);

struct read_mode {
    enum how { unary_json, unary_protobuf, session, events };

    how kind = unary_json;
    record_format format = record_format::raw;
    compression with = compression::none;
    std::optional<last_event_id> last_event;

    bool unary() const { return kind == unary_json || kind == unary_protobuf; }
};

// Starts the session and answers. Nothing: the response was streamed.
net::task<std::optional<reply>> serve_read(const call& on, read_session& session, const read_request& request,
                                           const read_mode& mode);

} // namespace s2::local
