#pragma once
// What stands before a record's body in protobuf: keys, lengths and numbers, appended at once. Byte by byte
// it costs more than the body's copy.

#include <protozero/types.hpp>
#include <protozero/varint.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace s2 {

// Field numbers are below 16: a key is one byte.
class field_heads {
public:
    static constexpr std::size_t field_bytes_max = 1 + protozero::max_varint_length;

    void number(protozero::pbf_tag_type tag, std::uint64_t value) {
        put_key(tag, protozero::pbf_wire_type::varint);
        put_varint(value);
    }

    // The key and length of `count` bytes that follow.
    void bytes(protozero::pbf_tag_type tag, std::size_t count) {
        put_key(tag, protozero::pbf_wire_type::length_delimited);
        put_varint(count);
    }

    void append_to(std::string& out) const {
        out.append(fields_.data(), static_cast<std::size_t>(at_ - fields_.data()));
    }

private:
    static constexpr std::size_t fields_max = 4;

    void put_key(protozero::pbf_tag_type tag, protozero::pbf_wire_type type) {
        *at_++ = static_cast<char>(tag << 3 | static_cast<unsigned>(type));
    }

    void put_varint(std::uint64_t value) { at_ += protozero::write_varint(at_, value); }

    std::array<char, fields_max * field_bytes_max> fields_;
    char* at_ = fields_.data();
};

} // namespace s2
