#include "agent/event/scan.hpp"

#include "agent/event/decimal.hpp"
#include "net/utf8.hpp"

#include <algorithm>
#include <cstring>

namespace agent {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Four hexadecimal digits as a number, or -1.
int hex4(const char* from, const char* end) {
    if (end - from < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; ++i) {
        const char c = from[i];
        int digit = 0;
        if (is_digit(c))
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

bool is_high_surrogate(int unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}

bool is_low_surrogate(int unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
        return;
    }
    if (code < 0x800) {
        out += static_cast<char>(0xC0 | (code >> 6));
    } else {
        if (code < 0x10000) {
            out += static_cast<char>(0xE0 | (code >> 12));
        } else {
            out += static_cast<char>(0xF0 | (code >> 18));
            out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
        }
        out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    }
    out += static_cast<char>(0x80 | (code & 0x3F));
}

} // namespace

void event_scan::look_at_window(const char* from) {
    window_ = from;
    window_bytes_ = std::min(static_cast<std::size_t>(end_ - from), window_bytes_max);
    find_special_bytes(begin_, from, window_bytes_, special_.data());
}

// The first byte at or behind `from` that is not plain text of a string.
const char* event_scan::special_from(const char* from) {
    for (;;) {
        auto offset = static_cast<std::size_t>(from - window_);
        for (; offset < window_bytes_; offset = offset / 8 * 8 + 64)
            if (const std::uint64_t special = special_bits(offset))
                return window_ + offset + std::countr_zero(special);
        const char* window_end = window_ + window_bytes_;
        if (window_end == end_)
            return end_;
        from = std::max(from, window_end);
        look_at_window(from);
    }
}

const char* event_scan::rest_of_string(const char* at) {
    for (;;) {
        at = special_from(at);
        if (at == end_)
            return fail(at, "a string has no end");
        const auto byte = static_cast<unsigned char>(*at);
        if (byte == '"')
            return at + 1;
        if (byte < ' ')
            return fail(at, "a control character in a string must be escaped");
        at = byte == '\\' ? escape(at) : utf8_run(at);
        if (!at)
            return nullptr;
    }
}

const char* event_scan::behind_space(const char* at) {
    for (; at != end_ && static_cast<unsigned char>(*at) <= ' '; ++at) {
        if (*at == '\n' || *at == '\r')
            line_break_ = true;
        else if (*at != ' ' && *at != '\t')
            break;
    }
    return at;
}

const char* event_scan::fail(const char* at, const char* why, scan_fault fault) {
    fault_ = fault;
    fault_at_ = at;
    fault_text_ = why;
    return nullptr;
}

bool event_scan::document(unsigned levels_max) {
    const char* at = space(begin_);
    if (at == end_)
        return fail(at, "nothing but white space");
    at = value(at, levels_max);
    if (!at)
        return false;
    at = space(at);
    return at == end_ || fail(at, "there is more behind the end of the value");
}

const char* event_scan::unquoted_value(const char* at, unsigned levels) {
    switch (peek(at)) {
    case '{':
        return nested_object(at, levels);
    case '[':
        return array(at, levels);
    case 't':
        return literal(at, "true");
    case 'f':
        return literal(at, "false");
    case 'n':
        return literal(at, "null");
    default:
        return number(at);
    }
}

const char* event_scan::nested_object(const char* at, unsigned levels) {
    if (levels == 0)
        return fail(at, "nested too deep", scan_fault::depth);
    return object(at, [this, levels](std::string_view, const char* from) { return value(from, levels - 1); });
}

const char* event_scan::array(const char* at, unsigned levels) {
    if (levels == 0)
        return fail(at, "nested too deep", scan_fault::depth);
    at = space(at + 1);
    if (peek(at) == ']')
        return at + 1;
    for (;;) {
        at = value(at, levels - 1);
        if (!at)
            return nullptr;
        if (!meets(at, ','))
            return peek(at) == ']' ? at + 1 : fail(at, "',' or ']' was expected");
        at = space(at + 1);
    }
}

const char* event_scan::literal(const char* at, std::string_view word) {
    if (static_cast<std::size_t>(end_ - at) < word.size() || std::memcmp(at, word.data(), word.size()) != 0)
        return fail(at, "a value was expected; the words of JSON are true, false and null");
    return at + word.size();
}

// Eight at a time, so that how many there are is no branch to guess.
inline const char* event_scan::behind_digits(const char* from) const {
    while (end_ - from >= 8) {
        const unsigned digits = leading_digits(load_word(from));
        from += digits;
        if (digits < 8)
            return from;
    }
    while (from != end_ && is_digit(*from))
        ++from;
    return from;
}

const char* event_scan::number(const char* at) {
    if (at == end_)
        return fail(at, "a value was expected, but the text ends");
    const char* whole = *at == '-' ? at + 1 : at;
    const char* next = behind_digits(whole);
    if (next == whole)
        return fail(whole, whole == at ? "a value was expected" : "a digit was expected behind '-'");
    if (*whole == '0' && next - whole > 1)
        return fail(whole, "a number may not begin with 0");
    const char behind = peek(next);
    if (behind != '.' && (behind | 0x20) != 'e') [[likely]]
        return next;
    if (peek(next) == '.') {
        const char* fraction = next + 1;
        next = behind_digits(fraction);
        if (next == fraction)
            return fail(next, "a digit was expected behind '.'");
    }
    if (peek(next) == 'e' || peek(next) == 'E') {
        const char* exponent = next + 1;
        if (peek(exponent) == '+' || peek(exponent) == '-')
            ++exponent;
        next = behind_digits(exponent);
        if (next == exponent)
            return fail(next, "a digit was expected in the exponent");
    }
    return next;
}

const char* event_scan::escape(const char* from) {
    const char* escaped = from + 1;
    escaped_ = true;
    if (escaped != end_) {
        switch (*escaped) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            return escaped + 1;
        case 'u': {
            const int unit = hex4(escaped + 1, end_);
            if (unit < 0)
                break;
            const char* behind = escaped + 5;
            if (!is_high_surrogate(unit) && !is_low_surrogate(unit))
                return behind;
            if (is_high_surrogate(unit) && end_ - behind >= 2 && behind[0] == '\\' && behind[1] == 'u' &&
                is_low_surrogate(hex4(behind + 2, end_)))
                return behind + 6;
            if (!lone_surrogate_)
                lone_surrogate_ = from;
            return behind;
        }
        default:
            break;
        }
    }
    return fail(from, "not an escape of JSON");
}

const char* event_scan::utf8_run(const char* from) {
    while (from != end_ && static_cast<signed char>(*from) < 0) {
        const int bytes = net::utf8_sequence(from, end_);
        if (bytes == 0)
            return fail(from, "not UTF-8", scan_fault::utf8);
        from += bytes;
    }
    return from;
}

std::string decode_string(std::string_view quoted) {
    std::string out;
    out.reserve(quoted.size());
    const char* from = quoted.data() + 1;
    const char* const end = quoted.data() + quoted.size() - 1;
    while (from < end) {
        if (*from != '\\') {
            out += *from++;
            continue;
        }
        const char escaped = from[1];
        from += 2;
        switch (escaped) {
        case 'b':
            out += '\b';
            break;
        case 'f':
            out += '\f';
            break;
        case 'n':
            out += '\n';
            break;
        case 'r':
            out += '\r';
            break;
        case 't':
            out += '\t';
            break;
        case 'u': {
            int unit = hex4(from, end);
            from += 4;
            const int next = end - from >= 6 && from[0] == '\\' && from[1] == 'u' ? hex4(from + 2, end) : -1;
            if (is_high_surrogate(unit) && is_low_surrogate(next)) {
                append_utf8(out, 0x10000u + ((unit - 0xD800u) << 10) + (next - 0xDC00u));
                from += 6;
            } else {
                const bool lone = is_high_surrogate(unit) || is_low_surrogate(unit);
                append_utf8(out, lone ? 0xFFFDu : static_cast<unsigned>(unit));
            }
            break;
        }
        default: // the quote, the backslash and the slash stand for themselves
            out += escaped;
        }
    }
    return out;
}

void compact_json(std::string_view valid, std::string& out) {
    out.resize(valid.size());
    char* to = out.data();
    bool in_string = false;
    for (std::size_t i = 0; i < valid.size(); ++i) {
        const char c = valid[i];
        if (in_string) {
            *to++ = c;
            if (c == '\\')
                *to++ = valid[++i];
            else
                in_string = c != '"';
        } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            *to++ = c;
            in_string = c == '"';
        }
    }
    out.resize(static_cast<std::size_t>(to - out.data()));
}

} // namespace agent
