#pragma once
// What the writer wants done, as plain values.

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace s2 {

struct writer_action {
    enum class kind {
        check_tail,    // → on_tail / on_failure
        store_memory,  // memory(), synced → on_stored
        fence,         // append fence(token) with match and condition → on_fenced / on_failure
        create_stream, // → on_created / on_failure
        read,          // [from, to) → on_page, then whatever is asked for next / on_failure
        open,          // an append session → on_opened / on_failure
        send,          // the next batch of batches() → on_sending, before its first byte goes out
        half_close,    // no more sends, acks go on → on_half_closed, later on_session_end
        ready,         // nothing to do before an ack, a new batch, or a wish
        lost,          // final: another writer; see lost_reason()
    };
    kind what = kind::ready;
    std::uint64_t match = 0;
    std::optional<std::string> condition = {};
    std::string token = {};
    std::uint64_t from = 0;
    std::uint64_t to = 0;

    bool operator==(const writer_action&) const = default;
};

// What the owner does after a failure, before it asks for the next action.
enum class writer_pause { none, back_off, park_sink, park_stream, cancelled };

std::string_view name_of(writer_action::kind value);
std::string_view name_of(writer_pause value);
std::ostream& operator<<(std::ostream& out, const writer_action& action);
std::ostream& operator<<(std::ostream& out, writer_pause value);

} // namespace s2
