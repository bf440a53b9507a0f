#include "agent/state/session_table.hpp"

#include "agent/state/session_record_json.hpp"
#include "net/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace agent {

std::string place::text() const {
    return embedded() ? "the embedded store" : basin + " at " + basin_endpoint;
}

bool session_record::holds(seq_t seq) const {
    return std::any_of(spans.begin(), spans.end(), [seq](const session_span& span) {
        return span.from_seq <= seq && (span.to_seq == 0 || seq <= span.to_seq);
    });
}

void session_record::open_span(seq_t from_seq, bool nobody_between) {
    if (nobody_between && !spans.empty() && from_seq <= spans.back().to_seq + 1)
        spans.back().to_seq = 0;
    else
        spans.push_back({from_seq, 0});
}

namespace {

constexpr std::string_view file_name = "sessions";
constexpr std::size_t growth_bytes_max = 512; // of the numbers, the categories and the end's reason

seq_t last_start(const session_record& of) {
    return of.spans.empty() ? 0 : of.spans.back().from_seq;
}

} // namespace

net::result<std::unique_ptr<session_table>> session_table::open(net::environment& env,
                                                                const std::filesystem::path& state_dir) {
    const auto path = state_dir.empty() ? std::filesystem::path{} : state_dir / file_name;
    auto slots = slot_file::open(env, path, sessions_max, session_stored_bytes_max);
    if (!slots)
        return slots.error();
    auto table = load(std::move(*slots));
    if (table)
        (*table)->on_disk_ = !state_dir.empty();
    return table;
}

net::result<std::unique_ptr<session_table>>
session_table::open_to_read(net::environment& env, const std::filesystem::path& state_dir) {
    auto slots = slot_file::open_to_read(env, state_dir / file_name, sessions_max, session_stored_bytes_max);
    if (!slots)
        return slots.error();
    return load(std::move(*slots));
}

net::result<std::unique_ptr<session_table>> session_table::load(std::unique_ptr<slot_file> slots) {
    auto table = std::unique_ptr<session_table>(new session_table);
    table->slots_ = std::move(slots);
    table->slot_of_.assign(sessions_max, 0);
    for (std::size_t slot = 0; slot < sessions_max; ++slot) {
        const auto value = table->slots_->read(slot);
        if (!value && !table->slots_->damaged(slot))
            continue;
        auto record = value ? session_record_of_json(*value) : std::nullopt;
        if (!record || table->find(record->number) || table->find(record->id))
            return make_error_code(net::error::corrupt);
        table->slot_of_[slot] = record->number;
        table->last_number_ = std::max(table->last_number_, record->number);
        table->sessions_.push_back(std::move(*record));
    }
    table->sessions_.sort([](const auto& a, const auto& b) { return last_start(a) < last_start(b); });
    for (auto at = table->sessions_.begin(); at != table->sessions_.end(); ++at) {
        if (!at->active)
            continue;
        // The machine died between two slots: the next one's start reached the disk, this one's end did not.
        if (const auto next = std::next(at); next != table->sessions_.end())
            table->end_before(*at, *next);
        else
            table->active_ = &*at;
    }
    return table;
}

void session_table::end_before(session_record& earlier, const session_record& later) {
    earlier.active = false;
    earlier.end_reason = "superseded";
    if (!earlier.spans.empty()) {
        auto& span = earlier.spans.back();
        span.to_seq = std::max(span.from_seq + 1, last_start(later)) - 1;
    }
    store(earlier);
}

const session_record* session_table::find(std::string_view id) const {
    const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                    [id](const auto& session) { return session.id == id; });
    return found == sessions_.end() ? nullptr : &*found;
}

const session_record* session_table::find(std::uint32_t number) const {
    const auto found = std::find_if(sessions_.rbegin(), sessions_.rend(),
                                    [number](const auto& session) { return session.number == number; });
    return found == sessions_.rend() ? nullptr : &*found;
}

session_record* session_table::find_mutable(std::uint32_t number) {
    if (active_ && active_->number == number)
        return active_;
    return const_cast<session_record*>(find(number));
}

const session_record* session_table::latest() const {
    return sessions_.empty() ? nullptr : &sessions_.back();
}

const session_record* session_table::at_seq(seq_t seq) const {
    const auto found = std::find_if(sessions_.rbegin(), sessions_.rend(),
                                    [seq](const auto& session) { return session.holds(seq); });
    return found == sessions_.rend() ? latest() : &*found;
}

bool session_table::has_room(const std::function<bool(const session_record&)>& may_go) const {
    return std::find(slot_of_.begin(), slot_of_.end(), 0u) != slot_of_.end() ||
           std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const auto& session) { return !session.active && may_go(session); });
}

const session_record* session_table::add(session_record fresh,
                                         const std::function<bool(const session_record&)>& may_go) {
    NET_ASSERT(!fresh.active || !active_, "at most one session is active");
    NET_ASSERT(!find(fresh.id), "a session's id is added once");
    ++generation_;
    auto free_slot = std::find(slot_of_.begin(), slot_of_.end(), 0u);
    if (free_slot == slot_of_.end()) {
        const auto oldest = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& session) {
            return !session.active && may_go(session);
        });
        if (oldest == sessions_.end())
            return nullptr;
        // The slot is overwritten, not erased first: the highest number stays on disk, so that no number
        // comes twice.
        free_slot = std::find(slot_of_.begin(), slot_of_.end(), oldest->number);
        ++forgotten_;
        if (on_disk_)
            spdlog::warn(
                "the session table is full, and the history has not taken what is delivered: capture "
                "session {} gives way, and is found by its id no more ({} so far)",
                oldest->id, forgotten_);
        if (listener_)
            listener_->session_gone(oldest->number);
        sessions_.erase(oldest);
    }
    fresh.number = ++last_number_;
    *free_slot = fresh.number;
    auto behind = sessions_.end();
    while (!fresh.active && behind != sessions_.begin() && last_start(*std::prev(behind)) > last_start(fresh))
        --behind;
    auto& added = *sessions_.insert(behind, std::move(fresh));
    if (added.active) {
        active_ = &added;
        started();
    }
    store(added);
    if (listener_)
        listener_->session_changed(added);
    return &added;
}

bool session_table::may_leave(const session_record& session) const {
    return !session.active && session.number != last_number_ && &session != latest();
}

void session_table::remove(std::uint32_t number) {
    const auto which = std::find_if(sessions_.begin(), sessions_.end(),
                                    [number](const auto& session) { return session.number == number; });
    NET_ASSERT(which != sessions_.end() && may_leave(*which), "only who may leave the session table does");
    ++generation_;
    const auto slot = std::find(slot_of_.begin(), slot_of_.end(), number);
    slots_->erase(static_cast<std::size_t>(slot - slot_of_.begin()));
    *slot = 0;
    if (listener_)
        listener_->session_gone(number);
    sessions_.erase(which);
}

void session_table::started() {
    started_ = generation_;
    start_failure_.clear();
}

void session_table::on_synced(std::uint64_t generation, const net::error_code& outcome) {
    if (!outcome)
        stored_ = generation;
    else if (generation >= started_)
        start_failure_ = outcome;
    if (start_stored())
        start_failure_.clear();
}

void session_table::update(std::uint32_t number, const std::function<void(session_record&)>& change) {
    auto* record = find_mutable(number);
    NET_ASSERT(record, "only a session of the table is updated");
    const bool was_active = record->active;
    const auto spans = record->spans;
    const auto parts = record->parts;
    change(*record);
    const bool moved = record->active != was_active || record->spans != spans || record->parts != parts;
    if (moved)
        ++generation_;
    NET_ASSERT(record->number == number, "a session keeps its number");
    if (record->active && !was_active) {
        NET_ASSERT(!active_, "at most one session is active");
        active_ = record;
        started();
        const auto place = std::find_if(sessions_.begin(), sessions_.end(),
                                        [record](const auto& session) { return &session == record; });
        sessions_.splice(sessions_.end(), sessions_, place); // it is the latest again; pointers stay
    } else if (!record->active && was_active) {
        active_ = nullptr;
    }
    if (moved && listener_)
        listener_->session_changed(*record);
    store(*record);
}

bool session_table::storable(const session_record& record) {
    return record.spans.size() <= session_spans_max && record.parts.size() <= session_parts_max &&
           to_json_text(record).size() + growth_bytes_max <= session_stored_bytes_max;
}

// Who changes one asked storable(). One that an earlier version let grow to its slot's end may have outgrown
// it with its counts: then those of its last store stay, which lag.
void session_table::store(const session_record& record) {
    const std::string text = to_json_text(record);
    if (text.size() > session_stored_bytes_max) {
        spdlog::error("the record of capture session {} has outgrown its slot ({} bytes of {})", record.id,
                      text.size(), session_stored_bytes_max);
        return;
    }
    const auto slot = std::find(slot_of_.begin(), slot_of_.end(), record.number);
    slots_->write(static_cast<std::size_t>(slot - slot_of_.begin()), text);
}

net::error_code session_table::sync() {
    return slots_->sync();
}

} // namespace agent
