#include "s2/protobuf.hpp"

#include "net/utf8.hpp"
#include "s2/field_heads.hpp"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <protozero/varint.hpp>

namespace s2 {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::pbf_writer;
using protozero::tag_and_type;

// Lengths are computed first, so that a message is written in one pass and nothing is moved. All field
// numbers are below 16: a tag is one byte.
std::size_t varint_field(std::uint64_t value) {
    return 1 + static_cast<std::size_t>(protozero::length_of_varint(value));
}

std::size_t implicit_varint_field(std::uint64_t value) {
    return value == 0 ? 0 : varint_field(value);
}

std::size_t bytes_field(std::size_t bytes) {
    return 1 + static_cast<std::size_t>(protozero::length_of_varint(bytes)) + bytes;
}

std::size_t implicit_bytes_field(std::size_t bytes) {
    return bytes == 0 ? 0 : bytes_field(bytes);
}

// The key and length of a submessage whose fields come next. (protozero's writer for a submessage of known
// length leaves its parent unusable, so each field is written through a writer of its own; a writer is no
// more than a pointer.)
void open_message(std::string& out, protozero::pbf_tag_type tag, std::size_t length) {
    if (length == 0) {
        pbf_writer(out).add_message(tag, "", 0);
        return;
    }
    pbf_writer parent(out);
    const pbf_writer inner(parent, tag, length);
}

void write_varint(std::string& out, protozero::pbf_tag_type tag, std::uint64_t value) {
    pbf_writer(out).add_uint64(tag, value);
}

void write_implicit(std::string& out, protozero::pbf_tag_type tag, std::uint64_t value) {
    if (value != 0)
        write_varint(out, tag, value);
}

void write_implicit(std::string& out, protozero::pbf_tag_type tag, std::string_view bytes) {
    if (!bytes.empty())
        pbf_writer(out).add_bytes(tag, bytes.data(), bytes.size());
}

std::size_t length_of(const stream_position& at) {
    return implicit_varint_field(at.seq_num) + implicit_varint_field(at.timestamp);
}

void write(std::string& out, protozero::pbf_tag_type tag, const stream_position& at) {
    open_message(out, tag, length_of(at));
    write_implicit(out, 1, at.seq_num);
    write_implicit(out, 2, at.timestamp);
}

std::size_t length_of(const header& one) {
    return implicit_bytes_field(one.name.size()) + implicit_bytes_field(one.value.size());
}

std::size_t length_of(const record_view& record) {
    return varint_field(record.timestamp) + implicit_bytes_field(record.body.size());
}

std::size_t length_of(const std::vector<header>& headers) {
    std::size_t length = 0;
    for (const auto& each : headers)
        length += bytes_field(length_of(each));
    return length;
}

std::size_t length_of(const sequenced_record& record) {
    return implicit_varint_field(record.seq_num) + implicit_varint_field(record.timestamp) +
           length_of(record.headers) + implicit_bytes_field(record.body.size());
}

void write(std::string& out, protozero::pbf_tag_type tag, const std::vector<header>& headers) {
    for (const auto& each : headers) {
        open_message(out, tag, length_of(each));
        write_implicit(out, 1, each.name);
        write_implicit(out, 2, each.value);
    }
}

constexpr auto varint(protozero::pbf_tag_type tag) {
    return tag_and_type(tag, pbf_wire_type::varint);
}

constexpr auto bytes(protozero::pbf_tag_type tag) {
    return tag_and_type(tag, pbf_wire_type::length_delimited);
}

std::string_view view_of(pbf_reader& in) {
    const auto view = in.get_view();
    return {view.data(), view.size()};
}

// A field that the message does not know is skipped; a known one of another wire type is an error.
bool skip_unknown(pbf_reader& in, protozero::pbf_tag_type known_up_to) {
    if (in.tag() <= known_up_to)
        return false;
    in.skip();
    return true;
}

bool read(pbf_reader in, stream_position& at) {
    while (in.next())
        switch (in.tag_and_type()) {
        case varint(1):
            at.seq_num = in.get_uint64();
            break;
        case varint(2):
            at.timestamp = in.get_uint64();
            break;
        default:
            if (!skip_unknown(in, 2))
                return false;
        }
    return true;
}

bool read(pbf_reader in, header& one) {
    while (in.next())
        switch (in.tag_and_type()) {
        case bytes(1):
            one.name = view_of(in);
            break;
        case bytes(2):
            one.value = view_of(in);
            break;
        default:
            if (!skip_unknown(in, 2))
                return false;
        }
    return true;
}

// What a message may make us allocate is bounded by what a valid one can hold: two bytes on the wire would
// otherwise cost a hundred here. One more than allowed is kept, so that the limits' check still refuses the
// batch.
struct budget {
    std::size_t records = batch_records_max + 1;
    std::size_t headers = batch_metered_bytes_max / 2 + 1;
};

bool read_header(pbf_reader& in, std::vector<header>& headers, budget& left) {
    header one;
    if (!read(in.get_message(), one))
        return false;
    if (left.headers == 0)
        return true;
    --left.headers;
    headers.push_back(std::move(one));
    return true;
}

bool read(pbf_reader in, append_record& record, budget& left) {
    while (in.next())
        switch (in.tag_and_type()) {
        case varint(1):
            record.timestamp = in.get_uint64();
            break;
        case bytes(2):
            if (!read_header(in, record.headers, left))
                return false;
            break;
        case bytes(3):
            record.body = view_of(in);
            break;
        default:
            if (!skip_unknown(in, 3))
                return false;
        }
    return true;
}

bool read(pbf_reader in, sequenced_record& record, budget& left) {
    while (in.next())
        switch (in.tag_and_type()) {
        case varint(1):
            record.seq_num = in.get_uint64();
            break;
        case varint(2):
            record.timestamp = in.get_uint64();
            break;
        case bytes(3):
            if (!read_header(in, record.headers, left))
                return false;
            break;
        case bytes(4):
            record.body = view_of(in);
            break;
        default:
            if (!skip_unknown(in, 4))
                return false;
        }
    return true;
}

template <class Record>
bool read_record(pbf_reader& in, std::vector<Record>& records, budget& left) {
    Record one;
    if (!read(in.get_message(), one, left))
        return false;
    if (left.records == 0)
        return true;
    --left.records;
    records.push_back(std::move(one));
    return true;
}

bool read(pbf_reader in, append_input& input) {
    budget left;
    while (in.next())
        switch (in.tag_and_type()) {
        case bytes(1):
            if (!read_record(in, input.records, left))
                return false;
            break;
        case varint(2):
            input.match_seq_num = in.get_uint64();
            break;
        case bytes(3):
            input.fencing_token = std::string(view_of(in));
            if (!net::valid_utf8(*input.fencing_token))
                return false;
            break;
        default:
            if (!skip_unknown(in, 3))
                return false;
        }
    return true;
}

bool read(pbf_reader in, append_ack& ack) {
    while (in.next())
        switch (in.tag_and_type()) {
        case bytes(1):
            if (!read(in.get_message(), ack.start))
                return false;
            break;
        case bytes(2):
            if (!read(in.get_message(), ack.end))
                return false;
            break;
        case bytes(3):
            if (!read(in.get_message(), ack.tail))
                return false;
            break;
        default:
            if (!skip_unknown(in, 3))
                return false;
        }
    return true;
}

bool read(pbf_reader in, read_batch& batch) {
    budget left;
    while (in.next())
        switch (in.tag_and_type()) {
        case bytes(1):
            if (!read_record(in, batch.records, left))
                return false;
            break;
        case bytes(2):
            batch.tail.emplace();
            if (!read(in.get_message(), *batch.tail))
                return false;
            break;
        default:
            if (!skip_unknown(in, 2))
                return false;
        }
    return true;
}

template <class Message>
std::optional<Message> decode(std::string_view from) {
    Message message;
    try {
        if (!read(pbf_reader(from.data(), from.size()), message))
            return std::nullopt;
    } catch (const protozero::exception&) {
        return std::nullopt;
    }
    return message;
}

} // namespace

void encode_append_input(const append_input& input, std::string& out) {
    for (const auto& record : input.records) {
        open_message(out, 1,
                     (record.timestamp ? varint_field(*record.timestamp) : 0) + length_of(record.headers) +
                         implicit_bytes_field(record.body.size()));
        if (record.timestamp)
            write_varint(out, 1, *record.timestamp);
        write(out, 2, record.headers);
        write_implicit(out, 3, record.body);
    }
    encode_conditions(input.match_seq_num, input.fencing_token, out);
}

void encode_record(const record_view& record, std::string& out) {
    encode_record_head(record, out);
    out.append(record.body);
}

void encode_record_head(const record_view& record, std::string& out) {
    static_assert(record_head_bytes_max == field_heads::field_bytes_max * 3);
    field_heads head;
    head.bytes(1, length_of(record));
    head.number(1, record.timestamp);
    if (!record.body.empty())
        head.bytes(3, record.body.size());
    head.append_to(out);
}

std::size_t conditions_bytes(std::optional<std::uint64_t> match_seq_num,
                             std::optional<std::string_view> fencing_token) {
    return (match_seq_num ? varint_field(*match_seq_num) : 0) +
           (fencing_token ? bytes_field(fencing_token->size()) : 0);
}

void encode_conditions(std::optional<std::uint64_t> match_seq_num,
                       std::optional<std::string_view> fencing_token, std::string& out) {
    if (match_seq_num)
        write_varint(out, 2, *match_seq_num);
    if (fencing_token)
        pbf_writer(out).add_string(3, fencing_token->data(), fencing_token->size());
}

void encode_append_ack(const append_ack& ack, std::string& out) {
    write(out, 1, ack.start);
    write(out, 2, ack.end);
    write(out, 3, ack.tail);
}

void encode_read_batch(const read_batch& batch, std::string& out) {
    std::size_t bytes = 0;
    for (const auto& record : batch.records)
        bytes += bytes_field(length_of(record));
    out.reserve(out.size() + bytes + (batch.tail ? bytes_field(length_of(*batch.tail)) : 0));
    for (const auto& record : batch.records) {
        field_heads head;
        head.bytes(1, length_of(record));
        if (record.seq_num != 0)
            head.number(1, record.seq_num);
        if (record.timestamp != 0)
            head.number(2, record.timestamp);
        head.append_to(out);
        write(out, 3, record.headers);
        write_implicit(out, 4, record.body);
    }
    if (batch.tail)
        write(out, 2, *batch.tail);
}

std::optional<append_input> decode_append_input(std::string_view from) {
    return decode<append_input>(from);
}

std::optional<append_ack> decode_append_ack(std::string_view from) {
    return decode<append_ack>(from);
}

std::optional<read_batch> decode_read_batch(std::string_view from) {
    return decode<read_batch>(from);
}

} // namespace s2
