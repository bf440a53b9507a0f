// Where the file sink goes on: its position, and the last lines of its files (file_sink.hpp, 1 to 3).
#include "agent/event/envelope_view.hpp"
#include "agent/event/event.hpp"
#include "agent/sinks/file_sink.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

namespace agent {
namespace {

constexpr std::size_t position_bytes_max = 128;

struct file_position {
    seq_t seq;
    std::string session_id;
};

std::optional<file_position> parse_position(const std::optional<std::string>& text) {
    if (!text)
        return std::nullopt;
    file_position position{};
    const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), position.seq);
    if (ec != std::errc{} || end == text->data() + text->size())
        return std::nullopt;
    position.session_id.assign(end + 1, text->data() + text->size());
    return position;
}

// Whether the text may be the beginning of an envelope.
bool begins_envelope(std::string_view text) {
    const auto common = std::min(text.size(), envelope_opening.size());
    return text.substr(0, common) == envelope_opening.substr(0, common);
}

net::result<std::string> read_tail(net::file& file, std::uint64_t size) {
    std::string tail(std::min(size, file_tail_bytes_max), '\0');
    const std::uint64_t start = size - tail.size();
    for (std::size_t done = 0; done < tail.size();) {
        const auto got = file.read_at(start + done, std::as_writable_bytes(std::span(tail).subspan(done)));
        if (!got)
            return got.error();
        if (*got == 0)
            return make_error_code(net::error::corrupt); // it shrinks while it is read
        done += *got;
    }
    return tail;
}

} // namespace

net::result<std::unique_ptr<file_sink>> file_sink::open(net::environment& env, ring& journal,
                                                        const session_table& sessions,
                                                        std::filesystem::path dir) {
    if (const auto ec = env.files().create_directories(dir, 0755))
        return ec;
    auto position = slot_file::open(env, dir / ".position", 1, position_bytes_max);
    if (!position)
        return position.error();
    std::unique_ptr<file_sink> sink(new file_sink(env, journal, sessions, std::move(dir)));
    sink->position_ = std::move(*position);
    if (const auto ec = sink->recover())
        return ec;
    return sink;
}

net::error_code file_sink::recover() {
    if (const auto known = parse_position(position_->read(0)); known && ours(known->session_id)) {
        cursor_.seek(known->seq + 1);
        status_.written_seq = known->seq;
    }
    for (std::size_t i = 0; i < category_count; ++i)
        if (const auto ec = recover_file(static_cast<category>(i)))
            return ec;
    return {};
}

net::error_code file_sink::recover_file(category of) {
    const auto path = path_of(of);
    if (!env_.files().exists(path))
        return {};
    auto opened = env_.files().open(path, false);
    if (!opened)
        return opened.error();
    const auto size = (*opened)->size();
    if (!size)
        return size.error();
    auto tail = read_tail(**opened, *size);
    if (!tail)
        return tail.error();
    const auto last_end = tail->rfind('\n');
    const std::size_t whole = last_end == std::string::npos ? 0 : last_end + 1;
    const std::string_view unfinished = std::string_view(*tail).substr(whole);
    net::error_code ec;
    if (!unfinished.empty() && begins_envelope(unfinished)) {
        spdlog::warn("{}: the last line was not finished; {} bytes cut off", path.string(),
                     unfinished.size());
        ec = (*opened)->truncate(*size - unfinished.size());
    } else if (!unfinished.empty()) {
        ec = (*opened)->append("\n"); // not ours: it stays, on a line of its own
    }
    auto& file = files_[static_cast<std::size_t>(of)];
    file.last_seq = last_seq_in(std::string_view(*tail).substr(0, whole));
    file.handle = std::move(*opened);
    return ec;
}

// Of the last line that has a seq (announcements have none) of a session that is ours.
seq_t file_sink::last_seq_in(std::string_view lines) const {
    while (!lines.empty()) {
        lines.remove_suffix(1); // its newline
        const auto before = lines.rfind('\n');
        const auto line = before == std::string_view::npos ? lines : lines.substr(before + 1);
        const auto head = parse_envelope_head(line);
        if (head && head->seq)
            return ours(head->capture_session_id) ? *head->seq : 0;
        if (before == std::string_view::npos)
            return 0;
        lines = lines.substr(0, before + 1);
    }
    return 0;
}

bool file_sink::ours(std::string_view session_id) const {
    return sessions_.find(session_id) != nullptr;
}

} // namespace agent
