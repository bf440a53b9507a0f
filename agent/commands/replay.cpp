// `ringtail replay` and `ringtail tail`: envelopes of a session or of a whole stream to standard output, byte
// for byte.

#include "agent/archive/envelope_filter.hpp"
#include "agent/archive/envelope_text.hpp"
#include "agent/archive/place_reader.hpp"
#include "agent/archive/replay_target.hpp"
#include "agent/commands/command.hpp"
#include "agent/event/system_events.hpp"
#include "agent/state/sqlite_history.hpp"
#include "net/system/files.hpp"
#include "net/task/condition.hpp"
#include "s2/range_read.hpp"

#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <tuple>

namespace agent::commands {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view embedded_basin = "ringtail";
constexpr auto answer_patience = 30s;
constexpr auto follow_interval = 200ms; // between looks at the tail and at the session's parts

// What the flags say.
struct request {
    std::string_view name; // of the command
    replay_target target;
    envelope_filter filter;
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    bool text = false;
    bool follow = false;
};

// Takes records in order; writes those that belong and pass.
class printer {
public:
    explicit printer(const request& what)
        : request_(what) {}

    bool done() const { return written_ >= request_.limit || out_.failed(); }

    void flush() { out_.flush(); }

    // Why it could not be written; nothing where the reader has had enough (head), which is no failure of
    // ours.
    std::optional<std::string> failure() const {
        const auto& why = out_.failure();
        if (!why || why == boost::system::errc::broken_pipe)
            return std::nullopt;
        return "cannot write to standard output: " + why.message() +
               "; what was written is not whole: send it to where there is room";
    }

    void take(const s2::sequenced_record& record, const replay_part& part) {
        if (done() || s2::is_command(record))
            return;
        const auto head = parse_envelope_head(record.body);
        // A stream that is read as such may hold anything; in a session's only envelopes are ours.
        if (!head && !part.session_id.empty())
            return;
        const envelope_head known = head.value_or(envelope_head{});
        const auto continued = known.seq ? std::nullopt : continued_from_seq(record.body);
        if (!part.holds(known.capture_session_id, known.seq, continued) || !request_.filter.passes(known))
            return;
        out_.line(request_.text ? envelope_text(record.body) : record.body);
        ++written_;
    }

private:
    const request& request_;
    standard_output out_;
    std::uint64_t written_ = 0;
};

// One that has left the session table. A text: why the history can't be read.
std::variant<std::optional<session_record>, std::string>
find_in_history(net::environment& env, const std::filesystem::path& state_dir, const std::string& id) {
    const auto file = state_dir / history_file;
    if (!env.files().exists(file))
        return std::nullopt;
    const auto opened = sqlite_history::open(file, {true});
    stored<std::optional<session_record>> found = std::optional<session_record>();
    if (opened)
        found = (*opened)->find_session(id);
    else
        found = opened.error();
    if (!found)
        return "no session " + id + " in the session table of " + state_dir.string() +
               ", and its history can't be read: " + found.error().message;
    return std::move(*found);
}

// The parts of the target as they are now.
std::variant<std::vector<replay_part>, std::string> find_parts(net::environment& env, request& what,
                                                               const config& from) {
    if (what.target.of == replay_target::kind::stream) {
        place at{what.target.basin, from.s2.account_endpoint, from.s2.basin_endpoint};
        // The embedded store's basin, where nothing points to S2 itself.
        const s2_config untouched;
        if (at.basin == embedded_basin && at.basin_endpoint == untouched.basin_endpoint &&
            from.s2.token.empty() && from.s2.token_file.empty())
            at = {at.basin, "", ""};
        return std::vector<replay_part>{{at, what.target.stream, {}, 0, 0}};
    }
    if (from.state_dir.empty())
        return "a session is found through a state directory; give --state-dir, or read s2://BASIN/STREAM";
    const auto table = session_table::open_to_read(env, from.state_dir);
    if (!table && table.error() == boost::system::errc::no_such_file_or_directory)
        return "there are no sessions in " + from.state_dir.string() +
               "; give the agent's --state-dir, or read s2://BASIN/STREAM";
    if (!table)
        return "cannot read the sessions in " + from.state_dir.string() + ": " + table.error().message();
    const session_record* session = what.target.of == replay_target::kind::latest
                                        ? (*table)->latest()
                                        : (*table)->find(what.target.session_id);
    std::optional<session_record> past;
    if (!session && !what.target.session_id.empty()) {
        auto found = find_in_history(env, from.state_dir, what.target.session_id);
        if (const auto* why = std::get_if<std::string>(&found))
            return *why;
        past = std::move(std::get<std::optional<session_record>>(found));
        session = past ? &*past : nullptr;
    }
    if (!session) {
        return what.target.session_id.empty()
                   ? "there is no session yet in " + from.state_dir.string()
                   : "no session " + what.target.session_id + " in " + from.state_dir.string();
    }
    what.target.of = replay_target::kind::session; // latest stays what it was when the command started
    what.target.session_id = session->id;
    return replay_parts(*session);
}

// Records from `position` up to `end` of one part; position moves on. A text: why they can't be read.
net::task<std::optional<std::string>> read_range(s2::client& basin, const replay_part& part,
                                                 std::uint64_t& position, std::uint64_t end, printer& out) {
    s2::read_session_options options;
    options.give_up_after = answer_patience;
    s2::range_read range(basin, part.stream, position, end, options);
    while (!out.done()) {
        const auto next = co_await range.next();
        if (!next)
            co_return "reading stream " + part.stream + " in " + part.at.text() + ": " + next.error().text();
        if (std::holds_alternative<s2::end_of_range>(*next))
            break;
        if (const auto* missing = std::get_if<s2::missing_records>(&*next)) {
            complain("replay", "records " + std::to_string(missing->from) + " to " +
                                   std::to_string(missing->to - 1) + " of stream " + part.stream +
                                   " are gone (retention or trim)");
            continue;
        }
        for (const auto& record : std::get<std::vector<s2::sequenced_record>>(*next))
            out.take(record, part);
    }
    position = end;
    co_return std::nullopt;
}

// What has been shown so far, over all parts.
struct progress {
    std::size_t part = 0;
    std::uint64_t position = 0;
    bool anything_read = false;
    std::optional<std::string> failure;
};

// One part up to its tail now. With `stay`, over the same connection again and again for as long as that
// holds.
net::task<void> read_part(net::environment& env, replay_part part, const config& from, progress& at,
                          printer& out, std::function<bool()> stay) {
    std::unique_ptr<embedded_archive> archive; // outlives the group that its connections run in
    if (part.at.embedded()) {
        auto opened = embedded_archive::open(env, from.state_dir);
        if (auto* why = std::get_if<std::string>(&opened)) {
            at.failure = std::move(*why);
            co_return;
        }
        archive = std::move(std::get<std::unique_ptr<embedded_archive>>(opened));
        stay = {}; // what it has opened is what it shows
    }
    co_await net::with_task_group(env, [&](net::task_group& group) -> net::task<> {
        auto opened = place_reader::open(group, part.at, from, archive.get());
        if (auto* why = std::get_if<std::string>(&opened)) {
            at.failure = std::move(*why);
            co_return;
        }
        s2::client& basin = std::get<std::unique_ptr<place_reader>>(opened)->basin();
        for (;;) {
            const auto tail = co_await basin.check_tail(part.stream, env.now() + answer_patience);
            // A stream that is followed may not be there yet.
            const bool awaited =
                !tail && stay && !at.anything_read && tail.error().is_code("stream_not_found");
            if (!tail && !awaited) {
                at.failure = "cannot read stream " + part.stream + " in " + part.at.text() + ": " +
                             tail.error().text();
                break;
            }
            if (tail && tail->seq_num > at.position) {
                at.failure = co_await read_range(basin, part, at.position, tail->seq_num, out);
                at.anything_read = true;
            }
            out.flush();
            if (at.failure || out.done() || !stay || !stay())
                break;
            co_await net::sleep_until(env, env.now() + follow_interval);
        }
    });
}

net::task<exit_code> show(net::environment& env, request what, config from) {
    printer out(what);
    progress at;
    std::vector<replay_part> parts;
    for (;;) {
        auto found = find_parts(env, what, from);
        if (auto* why = std::get_if<std::string>(&found)) {
            at.failure = std::move(*why);
            break;
        }
        // Parts only become more: with fewer it was read from copies of an earlier moment.
        auto& now = std::get<std::vector<replay_part>>(found);
        if (now.size() >= parts.size())
            parts = std::move(now);
        const bool last = at.part + 1 == parts.size();
        std::function<bool()> stay;
        if (what.follow && last) {
            stay = [&] {
                const auto later = find_parts(env, what, from);
                const auto* same = std::get_if<std::vector<replay_part>>(&later);
                return same && same->size() <= parts.size();
            };
        }
        co_await read_part(env, parts[at.part], from, at, out, stay);
        if (at.failure || out.done() || (last && !what.follow))
            break;
        // A part that got a successor while it was followed has been read to its tail after that: it is left.
        if (!last) {
            ++at.part;
            at.position = 0;
            continue;
        }
        co_await net::sleep_until(env, env.now() + follow_interval);
    }
    out.flush();
    if (!at.failure)
        at.failure = out.failure();
    if (at.failure)
        co_return complain(what.name, *at.failure);
    co_return exit_code::durable;
}

exit_code show_command(invocation& given, bool follow) {
    request what;
    what.name = follow ? "tail" : "replay";
    what.follow = follow;
    CLI::App app(
        follow ? "Writes envelopes to standard output as they were published, and follows until interrupted."
               : "Writes envelopes to standard output, byte for byte as published, and exits.",
        "ringtail " + std::string(what.name));
    constexpr std::array<std::string_view, 9> shared{
        "state-dir",   "s2-account-endpoint", "s2-basin-endpoint", "s2-token-file", "s2-ca",
        "s2-insecure", "log-level",           "log-format",        "config"};
    const setting_flags flags(app, shared);
    std::string target;
    std::string since;
    std::string until;
    std::string categories;
    std::string limit;
    std::string format = "ndjson";
    app.add_option("TARGET", target,
                   "a session's id, latest (the session started last), or s2://BASIN/STREAM");
    app.add_option("--since", since,
                   "from this event time on: RFC 3339, µs since 1970, or 5m for so long ago")
        ->option_text("T");
    app.add_option("--until", until, "before this event time")->option_text("T");
    app.add_option("--type", what.filter.type_glob, "types that match: console.*")->option_text("GLOB");
    app.add_option("--category", categories, "these categories: console,network")->option_text("LIST");
    app.add_option("--limit", limit, "at most so many envelopes")->option_text("N");
    app.add_option("--format", format, "[default ndjson]")->option_text("ndjson|text");
    std::optional<config> made;
    const exit_code code = configure(app, flags, given, made);
    if (!made)
        return code;
    const auto refuse = [&](const std::string& message) {
        return complain(what.name, message, exit_code::usage);
    };
    if (target.empty())
        return refuse("name a TARGET: a session's id, latest, or s2://BASIN/STREAM");
    const auto parsed = parse_replay_target(target);
    if (const auto* why = std::get_if<std::string>(&parsed))
        return refuse(*why);
    what.target = std::get<replay_target>(parsed);
    if (!limit.empty()) {
        const auto read = std::from_chars(limit.data(), limit.data() + limit.size(), what.limit);
        if (read.ec != std::errc{} || read.ptr != limit.data() + limit.size())
            return refuse("--limit: '" + limit + "' is not a number");
    }
    if (format != "ndjson" && format != "text")
        return refuse("--format: '" + format + "' is not ndjson or text");
    what.text = format == "text";
    for (std::string_view rest = categories; !rest.empty();) {
        const auto comma = rest.find(',');
        what.filter.categories.emplace_back(rest.substr(0, comma));
        if (!parse_category(what.filter.categories.back()))
            return refuse("--category: '" + what.filter.categories.back() + "' is not a category");
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    return on_loop([&](net::environment& env) -> net::task<exit_code> {
        for (auto [text, into, flag] :
             {std::tuple(&since, &what.filter.since, "--since"), {&until, &what.filter.until, "--until"}}) {
            if (text->empty())
                continue;
            *into = parse_moment(*text, env.wall_now());
            if (!*into)
                co_return refuse(
                    std::string(flag) + ": '" + *text +
                    "' is no time; write 2026-01-02T03:04:05Z, µs since 1970, or 5m for so long ago");
        }
        const exit_code shown = co_await show(env, what, *made);
        co_return shown;
    });
}

} // namespace

exit_code replay(invocation& given) {
    return show_command(given, false);
}

exit_code tail(invocation& given) {
    return show_command(given, true);
}

} // namespace agent::commands
