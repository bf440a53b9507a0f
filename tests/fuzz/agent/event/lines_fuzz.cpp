// The line splitter: one byte says how long a line may be, the rest is the stream.
#include "agent/event/line_splitter.hpp"
#include "tests/fuzz/input.hpp"

#include <string>
#include <vector>

namespace {

struct line {
    std::uint64_t number;
    std::string text;
    std::uint64_t refused_bytes; // 0: it is a line
    std::string code;

    bool operator==(const line&) const = default;
};

// The rules by the letter, without a buffer.
std::vector<line> by_rule(std::string_view stream, std::size_t line_bytes_max, bool aborted) {
    std::vector<line> all;
    if (stream.starts_with("\xEF\xBB\xBF"))
        stream.remove_prefix(3);
    for (std::uint64_t number = 1; !stream.empty(); ++number) {
        const auto lf = stream.find('\n');
        auto raw = stream.substr(0, lf);
        raw.remove_prefix(std::min(raw.find_first_not_of('\0'), raw.size()));
        stream.remove_prefix(lf == stream.npos ? stream.size() : lf + 1);
        const auto text = raw.substr(0, raw.size() - (raw.ends_with('\r') ? 1 : 0));
        if (raw.empty())
            continue;
        if (lf == raw.npos && aborted)
            all.push_back({number, "", raw.size(), "cut_off"});
        else if (text.size() > line_bytes_max)
            all.push_back({number, "", raw.size(), "too_long"});
        else if (!text.empty())
            all.push_back({number, std::string(text), 0, ""});
    }
    return all;
}

void take(agent::line_splitter& from, std::vector<line>& into) {
    for (;;) {
        const auto next = from.next();
        if (const auto* found = std::get_if<agent::input_line>(&next))
            into.push_back({found->number, std::string(found->text), 0, ""});
        else if (const auto* refused = std::get_if<agent::refused_line>(&next))
            into.push_back({refused->number, "", refused->bytes, refused->error.code});
        else
            return;
    }
}

std::vector<line> split(std::string_view stream, std::size_t line_bytes_max, bool aborted, fuzz::cut where) {
    agent::line_splitter lines(line_bytes_max);
    std::vector<line> all;
    const auto feed = [&](std::string_view piece) {
        const auto asked = piece.size() + piece.size() % 3;
        const auto room = lines.prepare(asked);
        std::copy(piece.begin(), piece.end(), room.begin());
        lines.commit(piece.size());
        take(lines, all);
        return true;
    };
    fuzz::in_pieces(stream, where, feed);
    if (aborted) {
        if (const auto refused = lines.abort())
            all.push_back({refused->number, "", refused->bytes, refused->error.code});
    } else {
        lines.end_of_input();
        take(lines, all);
    }
    return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::steps input(fuzz::text_of(data, size));
    const std::size_t line_bytes_max = input.byte();
    const auto stream = input.rest();
    for (const bool aborted : {false, true}) {
        const auto expected = by_rule(stream, line_bytes_max, aborted);
        for (const auto where : {fuzz::cut::nowhere, fuzz::cut::somewhere, fuzz::cut::everywhere})
            NET_ASSERT(split(stream, line_bytes_max, aborted, where) == expected, "cuts change no line");
    }
    return 0;
}
