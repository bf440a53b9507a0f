#include "agent/state/delivery_table.hpp"

#include "agent/state/slot_file_growth.hpp"

#include <boost/json.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <tuple>
#include <utility>

namespace agent {
namespace {

namespace json = boost::json;

constexpr std::size_t token_json_bytes_max = s2::fencing_token_bytes_max + 3; // quotes and comma
constexpr std::size_t growth_bytes_max = 512;       // of numbers, and by a verdict's words
constexpr std::size_t gap_records_bytes_min = 2048; // which announcements leave free: a few records

json::array to_json(const own_record& record) {
    if (record.part)
        return {record.before_seq, name_of(record.part->reason), record.part->session_id, record.part->ts};
    return {record.before_seq, record.covers_to, record.line};
}

// All but the numbers that change with each batch.
json::object rest_of(const delivery_state& state) {
    json::array tokens;
    for (const auto& token : state.memory.tokens)
        tokens.emplace_back(token);
    json::array records;
    for (const auto& record : state.own_records)
        records.push_back(to_json(record));
    json::object value{{"basin", state.at.basin},
                       {"account_endpoint", state.at.account_endpoint},
                       {"basin_endpoint", state.at.basin_endpoint},
                       {"stream", state.stream},
                       {"tokens", std::move(tokens)},
                       {"claimed", state.memory.claimed},
                       {"empty_claim", state.memory.empty_claim},
                       {"from_seq", state.from_seq},
                       {"own_records", std::move(records)}};
    if (state.memory.first_tail)
        value["first_tail"] = *state.memory.first_tail;
    if (state.lost) {
        value["lost"] = state.lost_reason;
        value["continued_as"] = state.continued_as;
    }
    return value;
}

void append_number(std::string_view key, std::uint64_t value, std::string& text) {
    char digits[20];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    text.append(key).append(digits, end);
}

// In front of the rest, whose first brace they take the place of.
void append_numbers(const delivery_state& state, std::string& text) {
    append_number(R"({"durable":)", state.memory.durable, text);
    append_number(R"(,"durable_seq":)", state.durable_seq, text);
    append_number(R"(,"sent_seq":)", state.sent_seq, text);
    if (state.trusted_seq > state.durable_seq)
        append_number(R"(,"trusted_seq":)", state.trusted_seq, text);
    text.push_back(',');
}

// A stream that left its slot and came back in another one stands in both, where the machine died before the
// first one's end had reached the disk. What it has come to since is what counts.
auto progress_of(const delivery_state& state) {
    return std::tuple(state.lost, state.memory.claimed, state.memory.durable, state.durable_seq,
                      state.sent_seq, state.memory.tokens.size(), state.own_records.size());
}

std::string text(const json::object& from, std::string_view name) {
    return std::string(from.at(name).as_string());
}

seq_t number(const json::value& from) {
    return from.to_number<seq_t>();
}

continuation_reason reason_of(std::string_view name) {
    if (name == name_of(continuation_reason::another_writer))
        return continuation_reason::another_writer;
    if (name == name_of(continuation_reason::storage))
        return continuation_reason::storage;
    throw std::invalid_argument("no reason to continue: " + std::string(name));
}

// What the line of a session_continued record was made of; nothing of any other line.
std::optional<own_record> announcement_of(const own_record& whole, std::string_view stream) {
    boost::system::error_code failed;
    const auto parsed = json::parse(whole.line, failed);
    if (whole.covers_to != 0 || failed || continued_from_seq(whole.line) != whole.before_seq)
        return std::nullopt;
    try {
        const auto& event = parsed.at("event").as_object();
        auto again = announcement(stream, whole.before_seq,
                                  {text(parsed.as_object(), "capture_session_id"),
                                   reason_of(event.at("data").at("reason").as_string()),
                                   event.at("ts").to_number<net::wall_micros>()});
        return again.line == whole.line ? std::optional(std::move(again)) : std::nullopt;
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

// Format 1 had the lines of all.
own_record record_of(const json::array& fields, std::string_view stream) {
    if (const auto* reason = fields.at(1).if_string())
        return announcement(stream, number(fields.at(0)),
                            {std::string(fields.at(2).as_string()), reason_of(*reason),
                             fields.at(3).to_number<net::wall_micros>()});
    own_record whole{number(fields.at(0)), number(fields.at(1)), std::string(fields.at(2).as_string())};
    auto announced = announcement_of(whole, stream);
    return announced ? std::move(*announced) : whole;
}

// Throws on a value of another shape, as Boost.JSON does; the caller counts the slot as damaged.
delivery_state from_json(const json::object& value) {
    delivery_state state;
    state.at = {text(value, "basin"), text(value, "account_endpoint"), text(value, "basin_endpoint")};
    state.stream = text(value, "stream");
    for (const auto& token : value.at("tokens").as_array())
        state.memory.tokens.emplace_back(token.as_string());
    state.memory.claimed = value.at("claimed").as_bool();
    state.memory.empty_claim = value.at("empty_claim").as_bool();
    state.memory.durable = number(value.at("durable"));
    if (const auto* tail = value.if_contains("first_tail"))
        state.memory.first_tail = number(*tail);
    state.from_seq = number(value.at("from_seq"));
    state.durable_seq = number(value.at("durable_seq"));
    if (const auto* trusted = value.if_contains("trusted_seq"))
        state.trusted_seq = number(*trusted);
    state.sent_seq = number(value.at("sent_seq"));
    for (const auto& record : value.at("own_records").as_array())
        state.own_records.push_back(record_of(record.as_array(), state.stream));
    if (const auto* lost = value.if_contains("lost")) {
        state.lost = true;
        state.lost_reason = lost->as_string();
        state.continued_as = text(value, "continued_as");
        if (state.continued_as.empty() || state.continued_as == state.stream)
            throw std::invalid_argument("a lost stream goes on in another one");
    }
    return state;
}

// With what may still come to it.
std::size_t bytes_max(const delivery_state& state) {
    const auto& tokens = state.memory.tokens;
    std::size_t bytes = to_json_text(state).size() + growth_bytes_max;
    bytes += (s2::own_tokens_max - std::min(tokens.size(), s2::own_tokens_max)) * token_json_bytes_max;
    return bytes + (state.lost ? 0 : json::serialize(json::string(state.stream)).size());
}

std::size_t bytes_of(const own_record& record) {
    return json::serialize(to_json(record)).size() + 1;
}

bool is_announcement(const own_record& record) {
    return record.covers_to == 0;
}

} // namespace

own_record announcement(std::string_view stream, seq_t from_seq, announced_part part) {
    auto line = session_continued_envelope(part.session_id, stream, from_seq, part.reason, part.ts);
    return {from_seq, 0, std::move(line), std::move(part)};
}

std::string to_json_text(const delivery_state& state) {
    delivery_text text;
    return text.of(state);
}

const std::string& delivery_text::of(const delivery_state& state) {
    if (made_of_) {
        made_of_->memory.durable = state.memory.durable;
        made_of_->durable_seq = state.durable_seq;
        made_of_->trusted_seq = state.trusted_seq;
        made_of_->sent_seq = state.sent_seq;
    }
    if (made_of_ != state) {
        made_of_ = state;
        rest_ = json::serialize(rest_of(state));
    }
    whole_.clear();
    append_numbers(state, whole_);
    whole_.append(rest_, 1);
    return whole_;
}

std::optional<delivery_state> delivery_state_of_json(std::string_view text) {
    try {
        return from_json(json::parse(text).as_object());
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

bool storable(const delivery_state& state) {
    return bytes_max(state) <= delivery_value_bytes_max;
}

bool has_room_for(const own_record& one, const delivery_state& state, std::span<const own_record> to_come) {
    const bool announces = is_announcement(one);
    const auto alike = [announces](const own_record& each) { return is_announcement(each) == announces; };
    auto count = std::count_if(state.own_records.begin(), state.own_records.end(), alike);
    count += std::count_if(to_come.begin(), to_come.end(), alike);
    if (static_cast<std::size_t>(count) >= (announces ? announced_parts_max : own_records_max))
        return false;
    std::size_t bytes = bytes_max(state) + bytes_of(one);
    for (const auto& each : to_come)
        bytes += bytes_of(each);
    return bytes + (announces ? gap_records_bytes_min : 0) <= delivery_value_bytes_max;
}

net::result<std::unique_ptr<delivery_table>> delivery_table::open(net::environment& env,
                                                                  const std::filesystem::path& state_dir) {
    const auto path = state_dir.empty() ? state_dir : state_dir / "streams";
    if (const auto failed =
            grow_slot_file(env, path, deliveries_of_format_1, deliveries_max, delivery_value_bytes_max))
        return failed;
    auto slots = slot_file::open(env, path, deliveries_max, delivery_value_bytes_max);
    if (!slots)
        return slots.error();
    auto table = std::make_unique<delivery_table>();
    table->slots_ = std::move(*slots);
    for (std::size_t slot = 0; slot < table->slots_->size(); ++slot) {
        const auto value = table->slots_->read(slot);
        if (!value) {
            if (table->slots_->damaged(slot))
                table->damaged_.push_back("slot " + std::to_string(slot) + " is damaged in all copies");
            continue;
        }
        try {
            auto parsed = from_json(json::parse(*value).as_object());
            if (auto* twin = table->find(parsed.at, parsed.stream)) {
                const auto stale =
                    progress_of(twin->state) < progress_of(parsed) ? std::exchange(twin->slot, slot) : slot;
                if (stale != slot)
                    twin->state = std::move(parsed);
                table->slots_->erase(stale);
                continue;
            }
            table->entries_.push_back(std::make_unique<entry>(entry{slot, std::move(parsed)}));
        } catch (const std::exception& failure) {
            table->damaged_.push_back("slot " + std::to_string(slot) + ": " + failure.what());
        }
    }
    return table;
}

delivery_table::entry* delivery_table::find(const place& at, std::string_view stream) {
    for (const auto& each : entries_)
        if (each->state.at == at && each->state.stream == stream)
            return each.get();
    return nullptr;
}

delivery_table::entry* delivery_table::add(delivery_state fresh) {
    if (!storable(fresh))
        return nullptr;
    std::vector<bool> used(slots_->size(), false);
    for (const auto& each : entries_)
        used[each->slot] = true;
    const auto free = std::find(used.begin(), used.end(), false);
    if (free == used.end())
        return nullptr;
    const auto slot = static_cast<std::size_t>(free - used.begin());
    entries_.push_back(std::make_unique<entry>(entry{slot, std::move(fresh)}));
    if (listener_)
        listener_->stream_added(*entries_.back());
    store(*entries_.back());
    return entries_.back().get();
}

void delivery_table::remove(entry& which) {
    slots_->erase(which.slot);
    if (listener_)
        listener_->stream_gone(which);
    std::erase_if(entries_, [&](const auto& each) { return each.get() == &which; });
}

bool delivery_table::store(const entry& which) {
    if (listener_)
        listener_->stream_changed(which);
    const std::string& value = which.text.of(which.state);
    if (value.size() > slots_->value_bytes_max()) {
        spdlog::error("the delivery state of stream {} has outgrown its slot ({} bytes of {})",
                      which.state.stream, value.size(), slots_->value_bytes_max());
        return false;
    }
    slots_->write(which.slot, value);
    return true;
}

net::error_code delivery_table::sync() {
    return slots_->sync();
}

} // namespace agent
