#include "agent/config/plain_toml.hpp"

#include "net/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace agent {
namespace {

class plain_writer {
public:
    plain_writer(std::string_view content, std::string& plain)
        : content_(content)
        , plain_(plain) {}

    std::optional<toml_stray> write() {
        constexpr std::string_view mark = "\xEF\xBB\xBF";
        if (content_.starts_with(mark))
            take(mark.size());
        while (at_ < content_.size() && !found_)
            write_one();
        return found_;
    }

private:
    // One character outside of texts, or a text or comment whole.
    void write_one() {
        const char c = content_[at_];
        if (beyond_ascii(c))
            return stop(toml_stray::kind::beyond_ascii);
        if (c == '[' && line_begins_ && depth_ <= 0)
            return stop(toml_stray::kind::section);
        if (c == '#')
            return take(std::min(content_.find('\n', at_), content_.size()) - at_);
        if ((c == '"' || c == '\'') && may_begin_text())
            return write_text(content_.substr(at_).starts_with(std::string(3, c)) ? 3 : 1);
        depth_ += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
        take(1);
        line_begins_ = c == '\n' || (line_begins_ && (c == ' ' || c == '\t' || c == '\r'));
    }

    // Elsewhere a quote is a mistake, and begins nothing.
    bool may_begin_text() const {
        return at_ == 0 ||
               std::string_view(" \t\r\n=,[{.\xBF").find(content_[at_ - 1]) != std::string_view::npos;
    }

    void write_text(std::size_t quotes) {
        const auto end = content_.substr(at_, quotes);
        const bool escapes = end.front() == '"';
        line_begins_ = false;
        take(quotes);
        while (at_ < content_.size() && !found_) {
            const char c = content_[at_];
            if (content_.substr(at_).starts_with(end))
                return take(quotes);
            if (c == '\n' && quotes == 1)
                return; // left open, as the library will say
            if (!escapes)
                take(1);
            else if (beyond_ascii(c))
                escape();
            else if (c == '\\' && at_ + 1 < content_.size() && beyond_ascii(content_[at_ + 1]))
                stop(toml_stray::kind::beyond_ascii);
            else
                take(c == '\\' ? 2 : 1);
        }
    }

    // What is not UTF-8 is left to the library.
    void escape() {
        const auto* from = content_.data() + at_;
        const auto bytes = net::utf8_sequence(from, content_.data() + content_.size());
        if (bytes == 0)
            return take(1);
        std::uint32_t code = static_cast<std::uint8_t>(*from) & (0x7Fu >> bytes);
        for (int i = 1; i < bytes; ++i)
            code = code << 6 | (static_cast<std::uint8_t>(from[i]) & 0x3Fu);
        std::array<char, 16> text{};
        const int size = std::snprintf(text.data(), text.size(), "\\U%08X", static_cast<unsigned>(code));
        plain_.append(text.data(), static_cast<std::size_t>(size));
        at_ += static_cast<std::size_t>(bytes);
    }

    void take(std::size_t bytes) {
        plain_ += content_.substr(at_, bytes);
        at_ = std::min(at_ + bytes, content_.size());
    }

    void stop(toml_stray::kind what) {
        std::size_t line = 1;
        for (const char c : content_.substr(0, at_))
            line += c == '\n' ? 1 : 0;
        found_ = toml_stray{what, line};
    }

    static bool beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

    std::string_view content_;
    std::string& plain_;
    std::size_t at_ = 0;
    int depth_ = 0; // of arrays and inline tables
    bool line_begins_ = true;
    std::optional<toml_stray> found_;
};

} // namespace

std::optional<toml_stray> make_plain_toml(std::string_view content, std::string& plain) {
    return plain_writer(content, plain).write();
}

} // namespace agent
