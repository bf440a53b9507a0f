#include "agent/event/line_splitter.hpp"

#include "net/assert.hpp"

#include <cstring>

namespace agent {
namespace {

constexpr std::size_t kept_buffer_bytes = 96 * 1024; // of a buffer that had to grow, whatever is in it

std::size_t without_cr(const char* text, std::size_t bytes) {
    return bytes > 0 && text[bytes - 1] == '\r' ? bytes - 1 : bytes;
}

} // namespace

line_splitter::line_splitter(std::size_t line_bytes_max)
    : line_bytes_max_(line_bytes_max) {}

std::span<char> line_splitter::prepare(std::size_t bytes) {
    NET_ASSERT(scanned_ == end_, "every line is taken before more is read");
    NET_ASSERT(!ended_, "nothing is read behind the end of input");
    const auto held = end_ - begin_;
    const bool too_small = capacity_ < held + bytes;
    // What a long line needed does not stay behind for the short ones.
    const bool too_large = capacity_ > std::max(2 * (held + bytes), kept_buffer_bytes);
    if (too_small || too_large) {
        // Grown by doubling, so that a long line that comes in small pieces is not copied at each of them.
        const auto doubled = too_large ? 0 : std::min(2 * capacity_, line_bytes_max_ + 2 + bytes);
        capacity_ = std::max(held + bytes, doubled);
        auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
        if (held > 0)
            std::memcpy(larger.get(), buffer_.get() + begin_, held);
        buffer_ = std::move(larger);
        begin_ = 0;
    } else if (capacity_ - end_ < bytes) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, held);
        begin_ = 0;
    }
    end_ = scanned_ = begin_ + held;
    return {buffer_.get() + end_, bytes};
}

void line_splitter::commit(std::size_t bytes) {
    NET_ASSERT(bytes <= capacity_ - end_, "no more is committed than was prepared");
    end_ += bytes;
}

void line_splitter::end_of_input() {
    ended_ = true;
}

// At a line's begin. False: more must come, to tell whether this is a byte order mark.
bool line_splitter::pass_over_no_text() {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (!begun_) {
        const auto first = std::string_view(buffer_.get() + begin_, end_ - begin_).substr(0, 3);
        if (!ended_ && first.size() < byte_order_mark.size() && byte_order_mark.starts_with(first)) {
            scanned_ = end_;
            return false;
        }
        begun_ = true;
        if (first == byte_order_mark)
            begin_ += byte_order_mark.size();
    }
    while (begin_ < end_ && buffer_[begin_] == '\0')
        ++begin_;
    scanned_ = std::max(scanned_, begin_);
    return true;
}

std::variant<need_input, input_line, refused_line> line_splitter::next() {
    while (begin_ < end_ || skipped_ > 0) {
        if (skipped_ == 0 && (!begun_ || buffer_[begin_] == '\0') && !pass_over_no_text())
            return need_input{};
        const char* from = buffer_.get() + scanned_;
        const auto* lf =
            scanned_ < end_ ? static_cast<const char*>(std::memchr(from, '\n', end_ - scanned_)) : nullptr;
        const bool unfinished = lf == nullptr;
        const auto line_end = unfinished ? end_ : static_cast<std::size_t>(lf - buffer_.get());
        const auto behind = unfinished ? end_ : line_end + 1;
        scanned_ = behind;
        const auto line_bytes = line_end - begin_;
        const auto text_bytes = without_cr(buffer_.get() + begin_, line_bytes);
        const bool over = skipped_ > 0 || text_bytes > line_bytes_max_;

        if (unfinished && !ended_) {
            if (over) {
                skipped_ += line_bytes;
                begin_ = end_;
            }
            return need_input{};
        }
        const auto number = number_++;
        const auto bytes = skipped_ + line_bytes;
        const std::string_view text(buffer_.get() + begin_, text_bytes);
        skipped_ = 0;
        begin_ = behind;
        if (over)
            return refused_line{number,
                                bytes,
                                {"too_long", "a line may have " + std::to_string(line_bytes_max_) +
                                                 " bytes, this has " + std::to_string(bytes)}};
        if (!text.empty())
            return input_line{number, text};
    }
    return need_input{};
}

std::optional<refused_line> line_splitter::abort() {
    NET_ASSERT(scanned_ == end_, "every whole line is taken before the rest is dropped");
    const auto bytes = skipped_ + (end_ - begin_);
    begin_ = scanned_ = end_;
    skipped_ = 0;
    if (bytes == 0)
        return std::nullopt;
    return refused_line{number_, bytes, {"cut_off", "the input was stopped inside of this line"}};
}

} // namespace agent
