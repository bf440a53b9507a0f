// The same bytes as each of the three messages.
#include "s2/protobuf.hpp"
#include "tests/fuzz/input.hpp"

namespace {

bool same(const s2::read_batch& a, const s2::read_batch& b) {
    return a.records == b.records && a.tail == b.tail;
}

void append_input(std::string_view bytes) {
    const auto first = s2::decode_append_input(bytes);
    if (!first)
        return;
    NET_ASSERT(first->records.size() <= s2::batch_records_max + 1, "what a message may allocate is bounded");
    std::string wire;
    s2::encode_append_input(*first, wire);
    NET_ASSERT(s2::decode_append_input(wire) == first,
               "append_input: decoded, encoded and decoded is the same");

    // The hot path writes the same bytes, where it can say the same.
    std::vector<s2::record_view> views;
    for (const auto& record : first->records) {
        if (!record.timestamp || !record.headers.empty())
            return;
        views.push_back({*record.timestamp, record.body});
    }
    std::string from_views;
    std::optional<std::string_view> token;
    if (first->fencing_token)
        token = *first->fencing_token;
    for (const auto& each : views)
        s2::encode_record(each, from_views);
    s2::encode_conditions(first->match_seq_num, token, from_views);
    NET_ASSERT(from_views == wire, "both encoders of append_input agree");
    if (const auto reason = s2::invalid_reason(*first))
        NET_ASSERT(!reason->empty(), "a refusal says why");
}

void append_ack(std::string_view bytes) {
    const auto first = s2::decode_append_ack(bytes);
    if (!first)
        return;
    std::string wire;
    s2::encode_append_ack(*first, wire);
    NET_ASSERT(s2::decode_append_ack(wire) == first, "append_ack: decoded, encoded and decoded is the same");
}

void read_batch(std::string_view bytes) {
    const auto first = s2::decode_read_batch(bytes);
    if (!first)
        return;
    std::string wire;
    s2::encode_read_batch(*first, wire);
    const auto again = s2::decode_read_batch(wire);
    NET_ASSERT(again && same(*again, *first), "read_batch: decoded, encoded and decoded is the same");
    for (const auto& record : first->records) {
        const auto kind = s2::command_of(record.headers, record.body);
        NET_ASSERT(s2::is_command(record) || kind == s2::command_kind::none ||
                       kind == s2::command_kind::malformed,
                   "a fence or a trim is a command");
        NET_ASSERT(kind != s2::command_kind::fence || s2::fence_of(record), "a fence has its token");
        NET_ASSERT(kind != s2::command_kind::trim || s2::trim_of(record.headers, record.body),
                   "a trim has its position");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    append_input(bytes);
    append_ack(bytes);
    read_batch(bytes);
    return 0;
}
