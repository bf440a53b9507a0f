#include "agent/config/setting_reader.hpp"

#include "agent/config/units.hpp"
#include "net/text.hpp"

#include <charconv>

namespace agent {

std::optional<bool> parse_switch(std::string_view text) {
    const std::string value = net::lower_case(text);
    for (const auto* yes : {"1", "true", "yes", "on"}) {
        if (value == yes)
            return true;
    }
    for (const auto* no : {"0", "false", "no", "off", ""}) {
        if (value == no)
            return false;
    }
    return std::nullopt;
}

void setting_reader::fail(std::string message, exit_code code) {
    if (!error_)
        error_ = config_error{code, std::move(message)};
}

void setting_reader::refuse(std::string_view name, std::string_view why, exit_code code) {
    const setting_value* value = values_.find(name);
    fail((value ? value->where + ": '" + value->text + "' " : "--" + std::string(name) + ": ") +
             std::string(why),
         code);
}

const std::string* setting_reader::text(std::string_view name) const {
    const setting_value* value = values_.find(name);
    return !value || value->text == "none" || value->text.empty() ? nullptr : &value->text;
}

void setting_reader::file(std::string_view name, std::filesystem::path& into) const {
    if (const auto* value = text(name))
        into = *value;
}

void setting_reader::on(std::string_view name, bool& into) {
    if (const setting_value* value = values_.find(name)) {
        if (const auto read = parse_switch(value->text))
            into = *read;
        else
            refuse(name, "is neither true nor false (1, yes, on; 0, no, off)");
    }
}

void setting_reader::interval(std::string_view name, net::duration& into, net::duration least,
                              net::duration most) {
    const setting_value* value = values_.find(name);
    if (!value)
        return;
    const auto read = parse_duration(value->text);
    if (!read)
        return refuse(name, "is not a duration; write a number and a unit, like 100ms, 5s or 1m30s");
    if (*read < least || *read > most)
        return refuse(name, "is outside " + duration_text(least) + " to " + duration_text(most));
    into = *read;
}

void setting_reader::size(std::string_view name, std::uint64_t& into, std::uint64_t least,
                          std::uint64_t most) {
    const setting_value* value = values_.find(name);
    if (!value)
        return;
    const auto read = parse_size(value->text);
    if (!read)
        return refuse(name, "is not a size; write a number and a unit, like 64KiB, 16MiB or 10GiB");
    if (*read < least || *read > most)
        return refuse(name, "is outside " + size_text(least) + " to " + size_text(most));
    into = *read;
}

void setting_reader::count(std::string_view name, std::size_t& into, std::size_t least, std::size_t most) {
    const setting_value* value = values_.find(name);
    if (!value)
        return;
    std::size_t read = 0;
    const char* end = value->text.data() + value->text.size();
    const auto parsed = std::from_chars(value->text.data(), end, read);
    if (parsed.ec != std::errc{} || parsed.ptr != end || read < least || read > most)
        return refuse(name, "is not a number from " + std::to_string(least) + " to " + std::to_string(most));
    into = read;
}

void setting_reader::unix_socket(std::string_view name, std::optional<std::string>& into) {
    if (const auto* value = text(name)) {
        if (value->size() > unix_path_bytes_max)
            return refuse(name,
                          "is longer than a Unix socket's path may be (107 bytes); use a shorter directory");
        into = *value;
    }
}

} // namespace agent
