#include "agent/event/event.hpp"
#include "agent/event/scan.hpp"

#include <charconv>

namespace agent {
namespace {

// Deeper than any envelope made here, which has one level more than its event.
constexpr unsigned head_nesting_max = 2 * event_nesting_max;

class head_reader {
public:
    explicit head_reader(std::string_view line)
        : scan_(line) {}

    std::optional<envelope_head> read() {
        const char* at = scan_.space(scan_.begin());
        if (scan_.peek(at) != '{')
            return std::nullopt;
        at = scan_.object(
            at, [this](std::string_view name, const char* value) { return envelope_member(name, value); });
        if (!at || scan_.space(at) != scan_.end() || !(seen_ & session_id) || !(seen_ & type))
            return std::nullopt;
        return std::move(head_);
    }

private:
    enum : unsigned { session_id = 1, seq = 2, event_object = 4, ts = 8, type = 16, category_name = 32 };

    const char* envelope_member(std::string_view raw_name, const char* at) {
        const auto name = decoded(raw_name);
        if (name == "capture_session_id")
            return string(at, session_id, head_.capture_session_id);
        if (name == "seq")
            return number(at, seq, head_.seq);
        if (name != "event")
            return scan_.value(at, head_nesting_max);
        if (!once(event_object) || scan_.peek(at) != '{')
            return nullptr;
        return scan_.object(
            at, [this](std::string_view inner, const char* value) { return event_member(inner, value); });
    }

    const char* event_member(std::string_view raw_name, const char* at) {
        const auto name = decoded(raw_name);
        if (name == "ts")
            return number(at, ts, head_.ts);
        if (name == "type")
            return string(at, type, head_.type);
        if (name == "category")
            return string(at, category_name, head_.category);
        return scan_.value(at, head_nesting_max);
    }

    std::string_view decoded(std::string_view raw_name) {
        if (!scan_.escaped())
            return raw_name;
        decoded_name_ = decode_string({raw_name.data() - 1, raw_name.size() + 2});
        return decoded_name_;
    }

    bool once(unsigned bit) {
        const bool first = !(seen_ & bit);
        seen_ |= bit;
        return first;
    }

    const char* string(const char* at, unsigned bit, std::string& out) {
        if (!once(bit) || scan_.peek(at) != '"')
            return nullptr;
        const char* behind = scan_.string(at);
        if (!behind)
            return nullptr;
        if (scan_.escaped())
            out = decode_string({at, behind});
        else
            out.assign(at + 1, behind - 1);
        return behind;
    }

    template <class T>
    const char* number(const char* at, unsigned bit, std::optional<T>& out) {
        if (!once(bit))
            return nullptr;
        if (scan_.peek(at) == 'n')
            return scan_.literal(at, "null");
        const char* behind = scan_.number(at);
        if (!behind)
            return nullptr;
        T value{};
        const auto [end, failure] = std::from_chars(at, behind, value);
        if (failure != std::errc{} || end != behind)
            return nullptr;
        out = value;
        return behind;
    }

    event_scan scan_;
    envelope_head head_;
    std::string decoded_name_;
    unsigned seen_ = 0;
};

} // namespace

std::optional<envelope_head> parse_envelope_head(std::string_view line) {
    return head_reader(line).read();
}

} // namespace agent
