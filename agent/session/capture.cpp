#include "agent/session/capture.hpp"

#include "agent/event/system_events.hpp"
#include "net/assert.hpp"
#include "net/text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>

namespace agent {
namespace {

constexpr const char* invalid_id_text = "the id of a capture session is a UUID";

start_error too_often(const session_record& session) {
    return {start_error::kind::too_often, "capture session " + session.id +
                                              " was reopened between others, and all of the last " +
                                              std::to_string(session_spans_max) +
                                              " times still wait for S2, which is the most that are kept"};
}

start_error moved_too_often(const session_record& session) {
    return {start_error::kind::too_many_parts,
            "capture session " + session.id + " changed its place too often: its record holds no more"};
}

} // namespace

std::string_view name_of(end_reason reason) {
    switch (reason) {
    case end_reason::stopped:
        return "stopped";
    case end_reason::shutdown:
        return "shutdown";
    case end_reason::end_of_input:
        return "end_of_input";
    case end_reason::superseded:
        break;
    }
    return "superseded";
}

capture::capture(net::environment& env, ring& into, session_table& sessions, placement& where)
    : env_(env)
    , ring_(into)
    , sessions_(sessions)
    , placement_(where) {}

void capture::count_refused() {
    ++refused_;
    ++refused_of_session_;
}

publish_outcome capture::refuse(std::string code, std::string message) {
    count_refused();
    return publish_refused{std::move(code), std::move(message)};
}

publish_outcome capture::publish(std::string_view text, event_origin origin) {
    const session_record* session = sessions_.active();
    if (!session)
        return refuse("no_session", "no capture session is active");
    if (!sessions_.start_stored())
        return refuse("no_session", "the capture session is being started: wait for the answer to its start");
    auto parsed = parser_.parse(text, origin);
    if (auto* wrong = std::get_if<event_error>(&parsed))
        return refuse(std::move(wrong->code), std::move(wrong->message));
    auto& one = std::get<event>(parsed);
    if (one.in != category::system && !contains(session->categories, one.in)) {
        ++filtered_;
        return publish_filtered{};
    }
    if (!one.ts)
        one.ts = std::max<net::wall_micros>(env_.wall_now(), 0);
    const seq_t seq = ring_.next_seq();
    std::size_t bytes_max = text.size() + envelope_overhead_bytes_max;
    if (bytes_max > envelope_bytes_max) {
        auto fitted = fit_envelope(one, session->id, seq);
        if (auto* wrong = std::get_if<event_error>(&fitted))
            return refuse(std::move(wrong->code), std::move(wrong->message));
        bytes_max = std::get<std::size_t>(fitted);
    }
    const auto room = ring_.reserve(bytes_max);
    if (room.empty())
        return refuse("no_room", "the ring has no room: " + ring_.refusal());
    const auto bytes = write_envelope(one, session->id, seq, room.data());
    NET_ASSERT(bytes <= bytes_max, "an envelope is no longer than was reserved for it");
    const ring_entry entry = ring_.commit(bytes, session->number, false);
    return publish_accepted{entry.seq, entry.line};
}

bool capture::publish_own(const session_record& session, std::string_view type, std::string_view data_json) {
    const auto ts = std::max<net::wall_micros>(env_.wall_now(), 0);
    const std::string line = own_envelope(session.id, ring_.next_seq(), ts, type, data_json);
    NET_ASSERT(line.size() <= session_event_bytes_max, "a session event is small");
    const auto room = ring_.reserve(line.size());
    if (room.empty()) {
        spdlog::error("the ring has no room for {} of capture session {}: {}", type, session.id,
                      ring_.refusal());
        return false;
    }
    std::memcpy(room.data(), line.data(), line.size());
    ring_.commit(line.size(), session.number, true);
    return true;
}

std::variant<const session_record*, start_error> capture::start(const start_request& request) {
    using kind = start_error::kind;
    if (const auto* running = active())
        return start_error{kind::active, "capture session " + running->id + " is active"};
    const auto id = net::normal_uuid(request.id ? *request.id : net::random_uuid(env_));
    if (!id)
        return start_error{kind::invalid_id, invalid_id_text};
    if (ring_.reserve(session_event_bytes_max).empty())
        return start_error{kind::no_room, "the ring has no room: " + ring_.refusal()};
    if (auto refused = refusal_of(*id))
        return std::move(*refused);
    if (const auto* ended = sessions_.find(*id))
        return reopen(*ended, request.categories);

    const seq_t from = ring_.next_seq();
    session_record fresh;
    fresh.id = *id;
    fresh.created_at = std::max<net::wall_micros>(env_.wall_now(), 0);
    fresh.categories = request.categories.value_or(all_categories());
    fresh.active = true;
    fresh.spans.push_back({from, 0});
    fresh.parts.push_back(placement_.place_session(*id, from));
    const auto* session =
        sessions_.add(std::move(fresh), [this](const session_record& ended) { return gives_way(ended); });
    NET_ASSERT(session, "a session is added where there is room for it");
    refused_of_session_ = 0;
    publish_own(*session, "session_started", session_started_data(session->categories));
    return session;
}

std::optional<start_error> capture::refusal(const start_request& request) const {
    const auto id = net::normal_uuid(request.id ? *request.id : net::random_uuid(env_));
    return id ? refusal_of(*id) : start_error{start_error::kind::invalid_id, invalid_id_text};
}

std::optional<start_error> capture::refusal_of(std::string_view id) const {
    const auto* ended = sessions_.find(id);
    if (session_record again = ended ? *ended : session_record(); ended && !with_next_span(again))
        return too_often(*ended);
    if (!ended && !sessions_.has_room([this](const session_record& one) { return gives_way(one); }))
        return start_error{start_error::kind::too_many_sessions,
                           std::to_string(sessions_max) +
                               " capture sessions still wait for S2, which is the most that are kept"};
    return placement_.refusal(id, ring_.next_seq());
}

// False: its record is full of spans, and each of them still owes something.
bool capture::with_next_span(session_record& ended) const {
    ended.open_span(ring_.next_seq(), sessions_.latest()->number == ended.number);
    if (ended.spans.size() <= session_spans_max)
        return true;
    const auto settled = std::find_if(ended.spans.begin(), ended.spans.end(), [&](const auto& span) {
        return span.to_seq != 0 && !placement_.owes_in(ended, span);
    });
    if (settled == ended.spans.end())
        return false;
    ended.spans.erase(settled);
    return true;
}

std::variant<const session_record*, start_error>
capture::reopen(const session_record& ended, const std::optional<category_set>& categories) {
    session_record changed = ended;
    changed.active = true;
    changed.end_reason.clear();
    if (categories)
        changed.categories = *categories;
    NET_ASSERT(with_next_span(changed), "a session is reopened where its record has room for a span");
    place_again(changed);
    if (!session_table::storable(changed))
        return moved_too_often(ended);
    sessions_.update(ended.number, [&](session_record& record) { record = std::move(changed); });
    refused_of_session_ = 0;
    publish_own(ended, "session_resumed", session_resumed_data(true));
    return &ended;
}

// The same stream at the same place, whatever its template says by now; else what the sink names for the new
// place.
void capture::place_again(session_record& record) {
    auto now = placement_.place_session(record.id, ring_.next_seq());
    if (record.parts.empty() || !(record.parts.back().at == now.at))
        record.parts.push_back(std::move(now));
}

const session_record* capture::stop(end_reason reason) {
    const auto* session = active();
    if (!session)
        return nullptr;
    publish_own(*session, "session_ended", session_ended_data(name_of(reason)));
    sessions_.update(session->number, [&](session_record& record) {
        record.active = false;
        record.end_reason = name_of(reason);
        record.spans.back().to_seq = std::max(ring_.last_seq(), record.spans.back().from_seq);
    });
    return session;
}

void capture::resume() {
    const auto* session = active();
    if (!session)
        return;
    session_record changed = *session;
    auto refused = placement_.refusal(session->id, ring_.next_seq());
    if (!refused)
        place_again(changed);
    if (!refused && !session_table::storable(changed))
        refused = moved_too_often(*session);
    if (!refused)
        sessions_.update(session->number, [&](session_record& record) { record = std::move(changed); });
    else if (placement_.knows(session->parts.back()))
        spdlog::error("capture session {} goes on at its last place, {}: {}", session->id,
                      session->parts.back().at.text(), refused->message);
    else {
        spdlog::error("capture session {} can't go on: {}", session->id, refused->message);
        stop(end_reason::superseded);
        return;
    }
    refused_of_session_ = 0;
    publish_own(*session, "session_resumed", session_resumed_data(false));
}

void capture::set_categories(category_set categories) {
    const auto* session = active();
    NET_ASSERT(session, "only an active session's categories are changed");
    sessions_.update(session->number, [&](session_record& record) { record.categories = categories; });
}

} // namespace agent
