#include "agent/delivery/owed_index.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace agent {
namespace {

constexpr seq_t seq_max = std::numeric_limits<seq_t>::max();

void append(std::vector<seq_range>& to, seq_range next) {
    if (!to.empty() && next.from <= to.back().to + 1)
        to.back().to = std::max(to.back().to, next.to);
    else
        to.push_back(next);
}

} // namespace

const owed_index::stream* owed_index::known(stream_id id) const {
    return id < by_id_.size() ? by_id_[id] : nullptr;
}

owed_index::stream& owed_index::named(const place& at, std::string_view name) {
    const auto found = streams_.find(key_view{at, name});
    if (found != streams_.end())
        return found->second;
    return streams_.emplace(key{at, std::string(name)}, stream{}).first->second;
}

std::optional<owed_index::stream_id> owed_index::find(const place& at, std::string_view name) const {
    const auto found = streams_.find(key_view{at, name});
    if (found == streams_.end() || !found->second.known)
        return std::nullopt;
    return found->second.id;
}

// --- pieces

std::size_t owed_index::first_reaching(const stream& of, seq_t seq) {
    const auto found = std::partition_point(of.pieces.begin(), of.pieces.end(),
                                            [seq](const piece& each) { return each.reach < seq; });
    return static_cast<std::size_t>(found - of.pieces.begin());
}

void owed_index::set_reach(stream& of, std::size_t from_index) {
    seq_t reach = from_index > 0 ? of.pieces[from_index - 1].reach : 0;
    for (std::size_t index = from_index; index < of.pieces.size(); ++index)
        of.pieces[index].reach = reach = std::max(reach, of.pieces[index].to);
}

void owed_index::insert(stream& into, piece fresh) {
    const auto place = std::upper_bound(into.pieces.begin(), into.pieces.end(), fresh.from,
                                        [](seq_t from, const piece& each) { return from < each.from; });
    const auto index = static_cast<std::size_t>(place - into.pieces.begin());
    into.pieces.insert(place, fresh);
    set_reach(into, index);
}

// Whether it may owe may have changed.
void owed_index::update(stream& changed) {
    const bool may =
        changed.known && !changed.pieces.empty() && changed.pieces.back().reach > changed.durable;
    if (may == std::exchange(changed.may_owe, may))
        return;
    const auto place = std::partition_point(may_owe_.begin(), may_owe_.end(),
                                            [&](stream_id id) { return by_id_[id]->came < changed.came; });
    if (may)
        may_owe_.insert(place, changed.id);
    else
        may_owe_.erase(place);
}

// --- what changes

void owed_index::session_changed(const session_record& session) {
    session_gone(session.number);
    auto& of_session = of_session_[session.number];
    const auto& parts = session.parts;
    for (std::size_t index = 0; index < parts.size(); ++index) {
        const seq_t part_end = index + 1 < parts.size() ? parts[index + 1].from_seq - 1 : seq_max;
        stream* holder = nullptr;
        for (const auto& span : session.spans) {
            const seq_t from = std::max(span.from_seq, parts[index].from_seq);
            const seq_t to = std::min(span.to_seq == 0 ? seq_max : span.to_seq, part_end);
            if (from > to)
                continue;
            if (!holder)
                holder = &named(parts[index].at, parts[index].stream);
            insert(*holder, {from, to, session.number, 0});
        }
        if (!holder)
            continue;
        update(*holder);
        if (std::find(of_session.begin(), of_session.end(), holder) == of_session.end())
            of_session.push_back(holder);
    }
}

void owed_index::session_gone(std::uint32_t number) {
    const auto found = of_session_.find(number);
    if (found == of_session_.end())
        return;
    const auto holders = std::move(found->second);
    of_session_.erase(found);
    for (auto* holder : holders) {
        std::erase_if(holder->pieces, [number](const piece& each) { return each.session == number; });
        set_reach(*holder, 0);
        update(*holder);
    }
    if (std::any_of(holders.begin(), holders.end(),
                    [](const auto* holder) { return holder->pieces.empty() && !holder->known; }))
        std::erase_if(streams_,
                      [](const auto& each) { return each.second.pieces.empty() && !each.second.known; });
}

void owed_index::stream_added(stream_id id, const place& at, std::string_view name, seq_t durable) {
    auto& added = named(at, name);
    NET_ASSERT(!added.known && !known(id), "a stream is added once, under a number of its own");
    if (by_id_.size() <= id)
        by_id_.resize(id + 1, nullptr);
    by_id_[id] = &added;
    added.known = true;
    added.id = id;
    added.came = ++came_;
    added.durable = durable;
    update(added);
}

void owed_index::stream_gone(stream_id id) {
    auto* gone = by_id_.at(id);
    NET_ASSERT(gone, "only a stream that was added goes");
    gone->known = false;
    update(*gone);
    by_id_[id] = nullptr;
    if (gone->pieces.empty())
        std::erase_if(streams_, [gone](const auto& each) { return &each.second == gone; });
}

void owed_index::durable_moved(stream_id id, seq_t durable) {
    auto* moved = by_id_.at(id);
    NET_ASSERT(moved, "only a stream that was added moves");
    moved->durable = durable;
    update(*moved);
}

// --- answers

std::optional<seq_t> owed_index::first_owed(const stream& of, seq_t last) {
    if (of.durable >= last)
        return std::nullopt;
    const auto index = first_reaching(of, of.durable + 1);
    if (index == of.pieces.size())
        return std::nullopt;
    const seq_t first = std::max(of.pieces[index].from, of.durable + 1);
    return first <= last ? std::optional(first) : std::nullopt;
}

std::optional<seq_t> owed_index::first_owed(stream_id id, seq_t last) const {
    const auto* of = known(id);
    return of ? first_owed(*of, last) : std::nullopt;
}

bool owed_index::owes_within(stream_id id, seq_range within) const {
    const auto* of = known(id);
    if (!of || of->durable >= within.to || of->pieces.empty() || of->pieces.front().from > within.to ||
        of->pieces.back().reach < within.from)
        return false;
    const auto index = first_reaching(*of, std::max(within.from, of->durable + 1));
    return index < of->pieces.size() && of->pieces[index].from <= within.to;
}

std::optional<seq_t> owed_index::first_owed(seq_t last) const {
    std::optional<seq_t> first;
    for (const auto id : may_owe_)
        if (const auto owed = first_owed(*by_id_[id], last); owed && (!first || *owed < *first))
            first = owed;
    return first;
}

bool owed_index::owes_within(seq_range within) const {
    return std::any_of(may_owe_.begin(), may_owe_.end(),
                       [&](stream_id id) { return owes_within(id, within); });
}

std::vector<seq_range> owed_index::ranges(stream_id id, seq_t last) const {
    std::vector<seq_range> all;
    const auto* of = known(id);
    if (!of || of->durable >= last)
        return all;
    for (std::size_t index = first_reaching(*of, of->durable + 1); index < of->pieces.size(); ++index) {
        const auto& each = of->pieces[index];
        const seq_range owed{std::max(each.from, of->durable + 1), std::min(each.to, last)};
        if (owed.from > last)
            break;
        if (owed.from <= owed.to)
            append(all, owed);
    }
    return all;
}

std::vector<seq_range> owed_index::ranges_of_session(std::uint32_t number, seq_t last) const {
    std::vector<seq_range> found;
    const auto of_session = of_session_.find(number);
    if (of_session == of_session_.end())
        return found;
    for (const auto* of : of_session->second) {
        if (!of->may_owe)
            continue;
        for (auto index = first_reaching(*of, of->durable + 1); index < of->pieces.size(); ++index) {
            const auto& each = of->pieces[index];
            const seq_range owed{std::max(each.from, of->durable + 1), std::min(each.to, last)};
            if (each.session == number && owed.from <= owed.to)
                found.push_back(owed);
        }
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
    std::vector<seq_range> all;
    for (const auto& each : found)
        append(all, each);
    return all;
}

} // namespace agent
