#include "agent/delivery_state.hpp"

#include "net/assert.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace agent {
namespace {

namespace json = boost::json;

json::value to_json(const delivery_state& state) {
    json::array tokens;
    for (const auto& token : state.memory.tokens)
        tokens.emplace_back(token);
    json::array records;
    for (const auto& record : state.own_records)
        records.push_back(json::array{record.before_seq, record.covers_to, record.line});
    json::object value{{"basin", state.at.basin},
                       {"account_endpoint", state.at.account_endpoint},
                       {"basin_endpoint", state.at.basin_endpoint},
                       {"stream", state.stream},
                       {"tokens", std::move(tokens)},
                       {"claimed", state.memory.claimed},
                       {"empty_claim", state.memory.empty_claim},
                       {"durable", state.memory.durable},
                       {"from_seq", state.from_seq},
                       {"durable_seq", state.durable_seq},
                       {"sent_seq", state.sent_seq},
                       {"own_records", std::move(records)}};
    if (state.memory.first_tail)
        value["first_tail"] = *state.memory.first_tail;
    if (state.trusted_seq > state.durable_seq)
        value["trusted_seq"] = state.trusted_seq;
    if (state.lost) {
        value["lost"] = state.lost_reason;
        value["continued_as"] = state.continued_as;
    }
    return value;
}

std::string text(const json::object& from, std::string_view name) {
    return std::string(from.at(name).as_string());
}

seq_t number(const json::value& from) {
    return from.to_number<seq_t>();
}

// Throws what Boost.JSON throws on a value of another shape; the caller counts the slot as damaged.
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
    for (const auto& record : value.at("own_records").as_array()) {
        const auto& fields = record.as_array();
        state.own_records.push_back(
            {number(fields.at(0)), number(fields.at(1)), std::string(fields.at(2).as_string())});
    }
    if (const auto* lost = value.if_contains("lost")) {
        state.lost = true;
        state.lost_reason = lost->as_string();
        state.continued_as = text(value, "continued_as");
    }
    return state;
}

} // namespace

net::result<std::unique_ptr<delivery_table>> delivery_table::open(net::environment& env,
                                                                  const std::filesystem::path& state_dir) {
    const auto path = state_dir.empty() ? state_dir : state_dir / "streams";
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
    std::vector<bool> used(slots_->size(), false);
    for (const auto& each : entries_)
        used[each->slot] = true;
    const auto free = std::find(used.begin(), used.end(), false);
    if (free == used.end())
        return nullptr;
    const auto slot = static_cast<std::size_t>(free - used.begin());
    entries_.push_back(std::make_unique<entry>(entry{slot, std::move(fresh)}));
    store(*entries_.back());
    return entries_.back().get();
}

void delivery_table::remove(entry& which) {
    slots_->erase(which.slot);
    std::erase_if(entries_, [&](const auto& each) { return each.get() == &which; });
}

void delivery_table::store(const entry& which) {
    const std::string value = json::serialize(to_json(which.state));
    NET_ASSERT(value.size() <= slots_->value_bytes_max(), "a stream's delivery state fits its slot");
    slots_->write(which.slot, value);
}

net::error_code delivery_table::sync() {
    return slots_->sync();
}

} // namespace agent
