// `ringtail check`: configuration and connectivity, one line each, without sending events.

#include "agent/archive/place_reader.hpp"
#include "agent/commands/command.hpp"
#include "agent/config/units.hpp"
#include "agent/event/printable.hpp"
#include "net/task/condition.hpp"

#include <algorithm>
#include <array>

namespace agent::commands {
namespace {

constexpr auto patience = std::chrono::seconds(10);

// The lines and the worst exit code: an unusable machine before a refusal by S2 before anything else.
class findings {
public:
    void ok(std::string_view what, std::string_view detail) { line("ok", what, detail); }

    void note(std::string_view what, std::string_view detail) { line("note", what, detail); }

    void failed(std::string_view what, const std::string& why, std::string_view to_do, exit_code code) {
        line("failed", what, why + "; " + std::string(to_do));
        worst_ = std::max(worst_, code);
    }

    exit_code worst() const { return worst_; }

private:
    void line(std::string_view verdict, std::string_view what, std::string_view detail) {
        const auto column = [](std::string_view text, std::size_t width) {
            return std::string(text) + std::string(text.size() < width ? width - text.size() : 1, ' ');
        };
        out_.line(column(verdict, 8) + column(what, 18) + printable(detail));
    }

    standard_output out_;
    exit_code worst_ = exit_code::durable;
};

void check_space(net::file_system& files, const config& from, findings& into) {
    constexpr std::uint64_t probe_bytes = 16 * 1024 * 1024;
    const auto probe = from.state_dir / "space.check";
    static_cast<void>(files.remove(probe)); // of a check that was killed
    const bool room = files.create_mapped(probe, std::min(probe_bytes, from.ring_capacity)).has_value();
    static_cast<void>(files.remove(probe));
    if (room) {
        into.ok("space", "at least " + size_text(std::min(probe_bytes, from.ring_capacity)) +
                             " of the ring's " + size_text(from.ring_capacity));
    } else {
        into.failed("space",
                    "there is no space for " + size_text(probe_bytes) + " in " + from.state_dir.string(),
                    "free some, or choose another --state-dir", exit_code::unusable);
    }
}

void check_state_dir(net::environment& env, const config& from, findings& into) {
    if (from.state_dir.empty())
        return into.note("state directory", "none: events are kept in memory and end with the process");
    net::file_system& files = env.files();
    const std::string dir = from.state_dir.string();
    if (const auto failed = files.create_directories(from.state_dir, 0700)) {
        return into.failed("state directory", "cannot make " + dir + ": " + failed.message(),
                           "give its parent's permission, or choose another --state-dir",
                           exit_code::unusable);
    }
    const auto probe = from.state_dir / "write.check";
    if (const auto failed = files.replace(probe, "x", 0600)) {
        return into.failed("state directory", "cannot write in " + dir + ": " + failed.message(),
                           "give the permission, or choose another --state-dir", exit_code::unusable);
    }
    static_cast<void>(files.remove(probe));
    into.ok("state directory", dir);
    constexpr std::array<std::string_view, 4> supported{"ext4", "xfs", "tmpfs", "overlayfs"};
    const std::string type = files.file_system_type(from.state_dir);
    const bool known =
        type == "overlay" || std::find(supported.begin(), supported.end(), type) != supported.end();
    if (known)
        into.ok("file system", type);
    else
        into.note("file system",
                  (type.empty() ? "unknown" : type) +
                      ": not among ext4, xfs, tmpfs and overlayfs, where allocated space is known to hold");
    std::string holder;
    const auto lock = files.lock(from.state_dir / "lock", "ringtail check", holder);
    if (lock)
        into.ok("lock", "no agent uses the directory");
    else if (lock.error() == net::make_error_code(net::error::locked))
        into.note("lock", "in use by " + (holder.empty() ? "another agent" : holder) +
                              "; a second agent needs its own directory");
    else
        into.failed("lock", lock.error().message(), "see that " + dir + "/lock can be written",
                    exit_code::unusable);
    check_space(files, from, into);
}

// What to do about a call that failed.
std::string_view remedy(const s2::error& failure) {
    switch (s2::classify(failure)) {
    case s2::verdict::park_sink:
        return failure.is_code("basin_not_found") ? "create the basin, or mend --s2-basin"
                                                  : "mend the token (--s2-token-file, S2_ACCESS_TOKEN)";
    case s2::verdict::park_stream:
        return "give the token the permissions append, read and fence";
    default:
        break;
    }
    if (failure.transport == net::make_error_code(net::error::unresolved))
        return "mend --s2-basin-endpoint, or the machine's name service";
    if (failure.transport == net::make_error_code(net::error::proxy_refused))
        return "mend HTTPS_PROXY, or list the endpoint's host in NO_PROXY";
    const std::string text = failure.text();
    const auto says = [&](const char* word) { return text.find(word) != std::string::npos; };
    if (says("wrong clock"))
        return "set this machine's clock";
    if (says("certificate") && says("expired ("))
        return "renew the server's certificate, or set this machine's clock where that is wrong";
    if (says("certificate") && says("not yet valid ("))
        return "set this machine's clock where that is wrong, or wait until the certificate is valid";
    if (says("certificate") && says("wrong name ("))
        return "name the endpoint as it stands in the certificate";
    if (says("certificate"))
        return "give the certificate's authority with --s2-ca";
    return "see that the endpoint is right and can be reached from here";
}

net::task<> check_s2(net::environment& env, config from, findings& into) {
    const place at{from.s2.basin, from.s2.account_endpoint, from.s2.basin_endpoint};
    co_await net::with_task_group(env, [&](net::task_group& group) -> net::task<> {
        auto opened = place_reader::open(group, at, from, nullptr);
        if (const auto* why = std::get_if<std::string>(&opened)) {
            into.failed("S2", *why, "mend the endpoints", exit_code::usage);
            co_return;
        }
        place_reader& reader = *std::get<std::unique_ptr<place_reader>>(opened);
        const auto token = reader.token().bearer();
        if (!token)
            into.failed("token", token.error().text(), "give a readable --s2-token-file", exit_code::parked);
        else if (token->empty())
            into.note("token", "none: S2 itself asks for one (--s2-token-file, S2_ACCESS_TOKEN)");
        else
            into.ok("token", "present");
        const net::url url = reader.connections().where().basin(at.basin);
        if (const auto* by = from.s2.proxy.for_url(url))
            into.note("proxy", by->at.text() + (by->credentials.empty() ? "" : ", with a user and password") +
                                   " (HTTPS_PROXY; NO_PROXY lists hosts that need none)");
        const auto connected = co_await reader.connections().connect(url, env.now() + patience);
        if (!connected) {
            into.failed("connection", connected.error().text(), remedy(connected.error()),
                        exit_code::failure);
            co_return;
        }
        into.ok("connection", url.authority() + (url.tls() ? ", TLS, HTTP/2" : ", cleartext HTTP/2"));
        s2::list_query query;
        query.limit = 1;
        const auto listed = co_await reader.basin().list_streams(query, env.now() + patience);
        if (listed) {
            into.ok("basin", at.basin);
            co_return;
        }
        const s2::verdict verdict = s2::classify(listed.error());
        if (verdict == s2::verdict::park_stream) {
            into.note("basin",
                      at.basin +
                          " is there; the token may not list its streams, so that appending was not checked");
            co_return;
        }
        into.failed("basin", at.basin + ": " + listed.error().text(), remedy(listed.error()),
                    verdict == s2::verdict::park_sink ? exit_code::parked : exit_code::failure);
    });
}

} // namespace

exit_code check(invocation& given) {
    CLI::App app(
        "Checks configuration and connectivity, without sending events; takes the flags of `ringtail run`.\n"
        "Exit codes: 0 all well, 1 not reachable, 2 usage, 4 refused by S2, 5 state directory unusable.",
        "ringtail check");
    const setting_flags flags(app);
    std::optional<config> made;
    const exit_code code = configure(app, flags, given, made);
    if (!made)
        return code;
    return on_loop([&](net::environment& env) -> net::task<exit_code> {
        findings found;
        found.ok("configuration", "complete");
        for (const std::string& note : made->notes)
            found.note("configuration", note);
        check_state_dir(env, *made, found);
        if (made->s2.basin.empty()) {
            found.ok("S2", "no basin is named: the embedded store is used");
        } else {
            config copy = *made;
            co_await check_s2(env, std::move(copy), found);
        }
        co_return found.worst();
    });
}

} // namespace agent::commands
