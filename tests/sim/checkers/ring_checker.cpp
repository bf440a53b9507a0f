#include "tests/sim/checkers/ring_checker.hpp"

#include "agent/event/envelope_view.hpp"
#include "agent/ring/segment.hpp"
#include "agent/ring/types.hpp"

#include <algorithm>

namespace sim {
namespace {

constexpr std::string_view ring_dir = "/state/ring/";
constexpr std::string_view segment_suffix = ".seg";
constexpr std::string_view envelope_begin = R"({"capture_session_id":")";
constexpr std::string_view type_member = R"("type":")";
constexpr std::string_view producers_type = "console.log";
constexpr std::size_t head_bytes_max = 512; // of an envelope, up to its number

bool is_segment(std::string_view name) {
    return name.starts_with(ring_dir) && name.ends_with(segment_suffix);
}

std::span<const std::byte> bytes_of(stored_file& file) {
    return {file.memory()->data(), static_cast<std::size_t>(file.size())};
}

agent::header_state header_of(stored_file& file, agent::ring_identity& identity) {
    const auto bytes = bytes_of(file);
    return bytes.size() < agent::ring_header_bytes ? agent::header_state::broken
                                                   : agent::read_identity(bytes, identity);
}

} // namespace

ring_checker::ring_checker(const disk& on, ledger& book, std::uint64_t capacity_bytes, told wrong, told say)
    : on_(on)
    , book_(book)
    , capacity_bytes_(capacity_bytes)
    , wrong_(std::move(wrong))
    , say_(std::move(say)) {}

std::vector<std::pair<std::string, file_ptr>> ring_checker::segments() const {
    std::vector<std::pair<std::string, file_ptr>> found;
    const auto listed = on_.list("/state/ring");
    if (!listed)
        return found;
    for (const auto& entry : *listed) {
        const std::string name = std::string(ring_dir) + entry.name;
        if (is_segment(name))
            found.emplace_back(name, *on_.find(name));
    }
    return found;
}

// Producers' envelopes, wherever they stand in it. A recycled file may still hold some of its earlier life: those
// are in S2, or known to be gone.
ring_checker::held ring_checker::read(stored_file& file) const {
    held found;
    agent::ring_identity identity;
    if (header_of(file, identity) == agent::header_state::whole)
        found.generation = identity.generation;
    const auto bytes = bytes_of(file);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (auto at = text.find(envelope_begin); at != std::string_view::npos;) {
        const auto next = text.find(envelope_begin, at + 1);
        const auto size = std::min({head_bytes_max, text.size() - at, next - at});
        const auto envelope = text.substr(at, size);
        // Behind one of the agent's own may stand the rest of another that was there before.
        const auto type = envelope.find(type_member);
        const bool producers = type != std::string_view::npos &&
                               envelope.substr(type + type_member.size()).starts_with(producers_type);
        const auto number = producers ? ledger::number_of(envelope) : std::nullopt;
        if (number && *number < book_.events().size()) {
            found.numbers.insert(*number);
            if (auto& session = book_.at(*number).session; session.empty())
                session = agent::session_id_of_envelope(envelope);
        }
        at = next;
    }
    return found;
}

void ring_checker::learn() const {
    for (const auto& [name, file] : segments())
        if (!sealed_.contains(file->number()))
            (void)read(*file);
}

// The newest takes envelopes until another one is begun.
void ring_checker::learn_sealed(bool newest_too) {
    auto present = segments();
    if (!present.empty() && newest_too)
        sealed_.erase(present.back().second->number());
    else if (!present.empty())
        present.pop_back();
    for (const auto& [name, file] : present)
        if (!sealed_.contains(file->number()) && !after_crash_.contains(file->number()))
            sealed_[file->number()] = read(*file);
}

void ring_checker::look() {
    look_beside({});
}

void ring_checker::look_beside(const std::string& leaving) {
    for (const auto& [name, file] : segments()) {
        const auto known = sealed_.find(file->number());
        if (known == sealed_.end() || known->second.generation == 0 || name == leaving)
            continue;
        agent::ring_identity identity;
        if (header_of(*file, identity) == agent::header_state::whole &&
            identity.generation == known->second.generation)
            continue;
        lost_in_place(name, known->second);
        known->second = {};
    }
}

// By the names: up to the next segment.
void ring_checker::note_seqs(const std::string& name, bool torn) {
    const auto first_of = [](std::string_view of) {
        return agent::parse_segment_name(of.substr(ring_dir.size())).value_or(0);
    };
    auto next = ~seq_t{0};
    for (const auto& [each, file] : segments())
        if (each > name)
            next = std::min(next, first_of(each));
    book_.left_rings.push_back({first_of(name), next - 1, torn});
}

// Whatever the ring's fill: a segment gives way to another one, or stays.
void ring_checker::lost_in_place(const std::string& name, const held& known) {
    const auto lacked = mark_gone(known);
    if (lacked > 0)
        wrong_(name.substr(ring_dir.size()) + " was blanked where it stood, with " + std::to_string(lacked) +
               " events that S2 lacks");
}

std::uint64_t ring_checker::mark_gone(const held& known) {
    std::uint64_t lacked = 0;
    for (const auto number : known.numbers) {
        auto& event = book_.at(number);
        if (!event.landed.empty() || event.gone || event.what == fate::refused)
            continue;
        event.gone = true;
        ++lacked;
    }
    return lacked;
}

void ring_checker::goes(const std::string& name, stored_file& file, std::string_view how) {
    auto known = sealed_[file.number()];
    known.numbers.merge(read(file).numbers);
    std::uint64_t used = 0;
    const bool torn = after_crash_.contains(file.number());
    note_seqs(name, torn);
    const auto lacked = mark_gone(known);
    if (lacked == 0)
        return;
    for (const auto& [each, present] : segments())
        used += present->size();
    const std::string what = name.substr(ring_dir.size()) + " was " + std::string(how) + ", with " +
                             std::to_string(lacked) + " events that S2 lacks";
    say_(what);
    if (torn)
        return; // what a crash tore is no drop
    ++gone_;
    if (used + agent::ring_segment_bytes > capacity_bytes_)
        return;
    const std::string fill = ": " + std::to_string(used) + " of " + std::to_string(capacity_bytes_) +
                             " bytes of the ring were used";
    if (!disk_was_full_)
        wrong_(what + fill + ", and the disk was not full");
    else if (gone_ > 1)
        wrong_(what + fill + ", the " + std::to_string(gone_) + ". of one roll-over, for a full disk");
}

void ring_checker::rolled_over() {
    disk_was_full_ = false;
    gone_ = 0;
}

void ring_checker::about_to_create(const std::string& name) {
    if (!is_segment(name))
        return;
    look();
    learn_sealed(true);
    rolled_over();
}

void ring_checker::about_to_rename(const std::string& from, const std::string& to) {
    if (!is_segment(from))
        return;
    look_beside(from);
    learn_sealed(is_segment(to));
    const file_ptr file = *on_.find(from);
    goes(from, *file, is_segment(to) ? "recycled" : "kept aside");
    if (is_segment(to))
        rolled_over();
    sealed_.erase(file->number());
    after_crash_.erase(file->number());
}

void ring_checker::about_to_remove(const std::string& name) {
    if (!is_segment(name))
        return;
    look_beside(name);
    learn_sealed(false);
    const file_ptr file = *on_.find(name);
    goes(name, *file, "removed");
    sealed_.erase(file->number());
    after_crash_.erase(file->number());
}

void ring_checker::no_room_for(const std::string& name) {
    disk_was_full_ = disk_was_full_ || is_segment(name);
}

void ring_checker::crashed() {
    sealed_.clear();
    after_crash_.clear();
    for (const auto& [name, file] : segments())
        after_crash_.insert(file->number());
    rolled_over();
}

} // namespace sim
