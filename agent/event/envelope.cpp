#include "agent/event/decimal.hpp"
#include "agent/event/event.hpp"
#include "net/assert.hpp"

#include <cstring>

namespace agent {
namespace {

class counter {
public:
    void put(std::string_view text) { bytes_ += text.size(); }

    void put_number(std::uint64_t value) {
        do {
            ++bytes_;
            value /= 10;
        } while (value != 0);
    }

    std::size_t bytes() const { return bytes_; }

private:
    std::size_t bytes_ = 0;
};

class writer {
public:
    explicit writer(char* to)
        : begin_(to)
        , to_(to) {}

    void put(std::string_view text) {
        std::memcpy(to_, text.data(), text.size());
        to_ += text.size();
    }

    // What it writes behind the digits is written over: more than a word follows in an envelope.
    void put_number(std::uint64_t value) { to_ = write_decimal(value, to_); }

    std::size_t bytes() const { return static_cast<std::size_t>(to_ - begin_); }

private:
    char* begin_;
    char* to_;
};

template <class Out>
void optional_member(Out& out, std::string_view name, std::string_view value) {
    if (!value.empty()) {
        out.put(name);
        out.put(value);
    }
}

template <class Out>
void head(Out& out, const event& of) {
    out.put(R"("type":)");
    out.put(of.type);
    out.put(R"(,"category":")");
    out.put(name_of(of.in));
    out.put(R"(","source":{"kind":")");
    out.put(name_of(of.kind));
    out.put(R"(")");
    optional_member(out, R"(,"event":)", of.source_event);
    optional_member(out, R"(,"metadata":)", of.source_metadata);
    out.put("}");
}

// The one description of an envelope's bytes; `out` counts or writes them.
template <class Out>
void envelope(Out& out, const event& of, std::string_view capture_session_id, std::uint64_t seq) {
    out.put(R"({"capture_session_id":")");
    out.put(capture_session_id);
    out.put(R"(","seq":)");
    out.put_number(seq);
    out.put(R"(,"event":{"ts":)");
    out.put_number(static_cast<std::uint64_t>(*of.ts));
    out.put(",");
    if (of.head.empty())
        head(out, of);
    else
        out.put(of.head);
    optional_member(out, R"(,"detail_level":)", of.detail_level);
    optional_member(out, R"(,"url":)", of.url);
    optional_member(out, R"(,"data":)", of.data);
    if (of.truncated)
        out.put(*of.truncated ? R"(,"truncated":true)" : R"(,"truncated":false)");
    out.put("}}");
}

} // namespace

void write_head(const event& of, std::string& to) {
    counter length;
    head(length, of);
    to.resize(length.bytes());
    writer out(to.data());
    head(out, of);
}

std::size_t envelope_bytes(const event& of, std::string_view capture_session_id, std::uint64_t seq) {
    NET_ASSERT(of.ts && *of.ts >= 0, "an event has its time before it becomes an envelope");
    counter out;
    envelope(out, of, capture_session_id, seq);
    return out.bytes();
}

std::size_t write_envelope(const event& of, std::string_view capture_session_id, std::uint64_t seq,
                           char* to) {
    NET_ASSERT(of.ts && *of.ts >= 0, "an event has its time before it becomes an envelope");
    writer out(to);
    envelope(out, of, capture_session_id, seq);
    return out.bytes();
}

std::variant<std::size_t, event_error> fit_envelope(event& of, std::string_view capture_session_id,
                                                    std::uint64_t seq) {
    const auto bytes = envelope_bytes(of, capture_session_id, seq);
    if (bytes <= envelope_bytes_max)
        return bytes;
    of.data = "null";
    of.truncated = true;
    const auto without_data = envelope_bytes(of, capture_session_id, seq);
    if (without_data <= envelope_bytes_max)
        return without_data;
    return event_error{"too_large", "the envelope would have " + std::to_string(without_data) +
                                        " bytes even without its data; at most " +
                                        std::to_string(envelope_bytes_max) + " are allowed"};
}

} // namespace agent
