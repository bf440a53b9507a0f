#pragma once
// A TOML text as the library (toml++ 3.3) can bear it. Of a character beyond ASCII it asks in some places
// whether it is white space, and answers with undefined behaviour; of a section's head it asserts what is
// only hoped.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

// What there is no place for.
struct toml_stray {
    enum class kind {
        beyond_ascii, // outside of texts and comments, or behind a backslash: TOML 1.0 has none there
        section,      // which is TOML, but not for us
    };
    kind what;
    std::size_t line; // the first is 1
};

// The same document, line by line, with \u escapes for what is beyond ASCII in texts in double quotes.
std::optional<toml_stray> make_plain_toml(std::string_view content, std::string& plain);

} // namespace agent
