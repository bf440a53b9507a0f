#pragma once
// What events of one type mostly have in common: type, category and source, byte for byte (988 of 1,000 in
// the recorded browser session). What was read once is known again by comparing it: a sixth of an event's
// cost from its line into the ring.
//
// 1. A head is known where all its bytes stand there again, from the same origin: reading it would give the
//    same.
// 2. There is one place for each type, by a hash. Heads that never come again cost a comparison each, and
//    ever more rarely a copy.

#include "agent/event/event.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace agent {

struct known_head {
    std::string text; // as it came: from the type's opening quote to behind the source
    event_origin origin = event_origin::intake;
    bool names_category = false; // else `in` is what the type says
    category in = category::system;
    source_kind kind = source_kind::local_process;
    std::string_view source_event; // these two within text
    std::string_view source_metadata;
    std::string written; // as an envelope has it: write_head()
};

class known_heads {
public:
    // `type` as it stands in an event's text, with its quotes; the text goes on to `end`. Valid until the
    // next keep().
    const known_head* find(std::string_view type, const char* end, event_origin origin);
    // `text`: an event's from its type to behind its source, with at most a category between them.
    void keep(std::string_view text, const event& of, bool names_category, event_origin origin);

private:
    static constexpr unsigned places_bits = 6;
    static constexpr std::size_t text_bytes_max = 512;
    static constexpr unsigned not_kept_max = 255;

    struct place {
        known_head head;
        bool came_again = true;
        unsigned not_kept = 0; // so many more heads, as those before did not come again
        unsigned pause = 0;
    };

    place& place_of(std::string_view type);

    std::array<place, 1 << places_bits> places_;
};

} // namespace agent
