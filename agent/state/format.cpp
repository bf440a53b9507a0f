#include "agent/state/format.hpp"

#include <charconv>

namespace agent {
namespace {

constexpr std::string_view file_name = "format";
constexpr std::uint64_t text_bytes_max = 256;
constexpr std::string_view white = " \r\n\t";

} // namespace

std::optional<std::string> claim_state_format(net::environment& env, const std::filesystem::path& dir) {
    auto& files = env.files();
    const auto path = dir / file_name;
    unsigned found = 1;
    if (files.exists(path)) {
        const auto text = files.read_all(path, text_bytes_max);
        if (!text)
            return "cannot read " + path.string() + ": " + text.error().message();
        const auto [end, bad] = std::from_chars(text->data(), text->data() + text->size(), found);
        if (bad != std::errc())
            return path.string() +
                   " names no format: this is no state directory of ringtail, or it is damaged; "
                   "choose another --state-dir";
        std::string version(end, text->data() + text->size());
        version.erase(0, version.find_first_not_of(white));
        version.erase(version.find_last_not_of(white) + 1);
        if (found > state_format)
            return "the state directory " + dir.string() + " was written by ringtail " + version +
                   " (format " + std::to_string(found) +
                   "); this is " RINGTAIL_VERSION ", which knows formats up to " +
                   std::to_string(state_format) + ": run that version, or choose another --state-dir";
    }
    if (found == state_format)
        return std::nullopt;
    const auto failed = files.replace(path, std::to_string(state_format) + " " RINGTAIL_VERSION "\n", 0600);
    if (failed)
        return "cannot use the state directory: cannot write " + path.string() + ": " + failed.message() +
               "; free some space or make it writable for this user, or choose another --state-dir";
    return std::nullopt;
}

} // namespace agent
