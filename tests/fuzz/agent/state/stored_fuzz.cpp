// What the slots of sessions and of streams hold: a text that is read as both.
#include "agent/state/delivery_table.hpp"
#include "agent/state/session_record_json.hpp"
#include "agent/state/slot_file.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/unit/agent/support/memory_world.hpp"

namespace {

bool same(const agent::session_record& a, const agent::session_record& b) {
    const auto spans = std::equal(
        a.spans.begin(), a.spans.end(), b.spans.begin(), b.spans.end(),
        [](const auto& x, const auto& y) { return x.from_seq == y.from_seq && x.to_seq == y.to_seq; });
    const auto parts = std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                                  [](const auto& x, const auto& y) {
                                      return x.at == y.at && x.stream == y.stream && x.from_seq == y.from_seq;
                                  });
    return spans && parts && a.number == b.number && a.id == b.id && a.created_at == b.created_at &&
           a.categories == b.categories && a.active == b.active && a.end_reason == b.end_reason &&
           a.gone == b.gone && a.last_gone == b.last_gone && a.gone_to == b.gone_to &&
           a.whole_to == b.whole_to;
}

void session(std::string_view text) {
    const auto record = agent::session_record_of_json(text);
    if (!record)
        return;
    NET_ASSERT(record->number > 0, "a session has a number");
    const auto again = agent::session_record_of_json(agent::to_json_text(*record));
    NET_ASSERT(again && same(*again, *record), "a record that is stored again is the same");
}

bool same(const agent::delivery_state& a, const agent::delivery_state& b) {
    const auto records =
        std::equal(a.own_records.begin(), a.own_records.end(), b.own_records.begin(), b.own_records.end(),
                   [](const auto& x, const auto& y) {
                       return x.before_seq == y.before_seq && x.covers_to == y.covers_to && x.line == y.line;
                   });
    return records && a.at == b.at && a.stream == b.stream && a.memory == b.memory &&
           a.from_seq == b.from_seq && a.durable_seq == b.durable_seq && a.sent_seq == b.sent_seq &&
           a.lost == b.lost && a.lost_reason == b.lost_reason && a.continued_as == b.continued_as;
}

// One world for all inputs: the table's file is 17 MB.
agent::test::memory_world& world() {
    static agent::test::memory_world made;
    return made;
}

std::unique_ptr<agent::delivery_table> open_table() {
    auto table = agent::delivery_table::open(world(), "/state");
    NET_ASSERT(table, "a table opens whatever its slots hold");
    NET_ASSERT((*table)->all().size() + (*table)->damaged().size() == 1,
               "a slot is a stream, or is said to be damaged");
    return std::move(*table);
}

void delivery(std::string_view text) {
    static const auto slots = agent::slot_file::open(world(), "/state/streams", agent::deliveries_max,
                                                     agent::delivery_value_bytes_max);
    if (text.size() > agent::delivery_value_bytes_max)
        return;
    (*slots)->write(0, text);
    const auto table = open_table();
    if (table->all().empty())
        return;
    const auto& entry = *table->all().front();
    NET_ASSERT(table->find(entry.state.at, entry.state.stream) == &entry, "a stream is found");
    table->store(entry);
    const auto again = open_table();
    NET_ASSERT(!again->all().empty() && same(again->all().front()->state, entry.state),
               "a state that is stored again is the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    session(text);
    delivery(text);
    return 0;
}
