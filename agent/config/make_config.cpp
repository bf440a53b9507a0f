#include "agent/config/make_config.hpp"

#include "agent/config/continuation_name.hpp"
#include "agent/config/setting_reader.hpp"
#include "agent/config/units.hpp"
#include "agent/event/category_list.hpp"
#include "net/text.hpp"
#include "s2/endpoints.hpp"
#include "s2/types.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace agent {
namespace {

using std::filesystem::path;

void read_intake(setting_reader& from, config& into) {
    if (const auto* input = from.text("input"))
        into.input = *input;
    if (const auto* id = from.text("session-id")) {
        const auto normal = net::normal_uuid(*id);
        if (!normal)
            from.refuse("session-id", "is not a UUID (8-4-4-4-12 hexadecimal digits)");
        into.session_id = normal.value_or("");
    }
    if (const auto* list = from.text("categories"); list && *list != "all") {
        const auto read = parse_category_list(*list);
        if (const auto* unknown = std::get_if<unknown_category>(&read)) {
            std::string known;
            for (std::size_t i = 0; i < category_count; ++i)
                known += (i ? ", " : "") + std::string(name_of(static_cast<category>(i)));
            from.refuse("categories",
                        "names the unknown category '" + unknown->name + "'; known are " + known);
        } else {
            into.categories = std::get<category_set>(read);
        }
    }
    from.on("start", into.start);
    from.unix_socket("ndjson-unix", into.ndjson_unix_path);
}

// What stands between commas.
std::vector<std::string> listed(std::string_view text) {
    std::vector<std::string> all;
    while (!text.empty()) {
        const auto comma = text.find(',');
        auto one = text.substr(0, comma);
        while (one.starts_with(' '))
            one.remove_prefix(1);
        while (one.ends_with(' '))
            one.remove_suffix(1);
        if (!one.empty())
            all.emplace_back(one);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return all;
}

// Of both Unix sockets.
void read_unix_access(setting_reader& from, net::socket_access& into, const host_facts& host) {
    if (const auto* text = from.find("unix-mode")) {
        unsigned mode = 0;
        const char* const last = text->text.data() + text->text.size();
        const auto [end, bad] = std::from_chars(text->text.data(), last, mode, 8);
        if (bad != std::errc() || end != last || mode > 0777)
            from.refuse("unix-mode",
                        "is not a file's mode; write it in octal, like 0660 (with --unix-group)");
        else if ((mode & 0200) == 0)
            from.refuse("unix-mode",
                        "shuts out the agent's own user, who needs to write; write 0600 or more");
        into.mode = mode;
    }
    if (const auto* name = from.text("unix-group")) {
        into.group = host.group_id ? host.group_id(*name) : std::nullopt;
        if (!into.group)
            from.refuse("unix-group",
                        "is no group of this machine; make it, or name another (or its number)");
    }
}

constexpr std::size_t sse_clients_most = 250; // fewer than there are places for connections

std::optional<net::endpoint> tcp_address(const std::string& text) {
    auto read = net::parse_endpoint(text);
    if (!read || read->type != net::endpoint::kind::tcp)
        return std::nullopt;
    return std::move(*read);
}

void read_listen(setting_reader& from, config& into, const std::string& text) {
    into.listen = tcp_address(text);
    if (!into.listen)
        return from.refuse("listen",
                           "is not HOST:PORT or none, like 127.0.0.1:10001; for a Unix socket use --unix");
    if (!into.listen->loopback() && into.api_token_file.empty() && !into.open_listen)
        from.refuse("listen",
                    "can be reached from other machines: give --api-token-file too, say "
                    "--open-listen where a proxy in front checks who calls, or listen on 127.0.0.1");
}

void read_api(setting_reader& from, config& into, const host_facts& host) {
    from.file("api-token-file", into.api_token_file);
    if (const auto* origins = from.find("allow-origin"))
        into.allow_origins = origins->text == "none" ? std::vector<std::string>{} : listed(origins->text);
    if (const auto* hosts = from.text("allow-host"))
        into.allow_hosts = listed(*hosts);
    from.count("sse-clients", into.sse_clients, 1, sse_clients_most);
    from.unix_socket("unix", into.unix_path);
    read_unix_access(from, into.unix_access, host);
    if (into.ndjson_unix_path && into.ndjson_unix_path == into.unix_path)
        from.refuse("ndjson-unix", "is the API's Unix socket too; give each its own path");
    from.on("open-listen", into.open_listen);
    const setting_value* listen = from.find("listen");
    if (!listen && !into.input)
        into.listen = net::endpoint::tcp("127.0.0.1", 10001);
    if (listen && listen->text != "none" && !listen->text.empty())
        read_listen(from, into, listen->text);
    if (const auto* metrics = from.text("metrics-listen")) {
        into.metrics_listen = tcp_address(*metrics);
        if (!into.metrics_listen)
            from.refuse("metrics-listen", "is not HOST:PORT or none, like 127.0.0.1:9464");
        else if (into.listen && into.listen == into.metrics_listen && into.listen->port != 0)
            from.refuse("metrics-listen", "is the API's address, where /metrics is anyway; leave it out");
    }
}

// The small name first, as curl does. One that can't be used is an error only where it would be: other
// programs may well make sense of it.
void read_proxy(setting_reader& from, config& into, const host_facts& host) {
    for (const char* name : {"no_proxy", "NO_PROXY"})
        if (into.s2.proxy.no_proxy.empty())
            into.s2.proxy.no_proxy = variable(host.environment, name);
    const std::string_view small = "https_proxy";
    const std::string_view name = variable(host.secrets, small).empty() ? "HTTPS_PROXY" : small;
    const auto text = variable(host.secrets, name);
    auto read = net::parse_proxy(text);
    if (auto* found = std::get_if<std::optional<net::proxy>>(&read)) {
        into.s2.proxy.https = std::move(*found);
        return;
    }
    const auto wrong =
        still_quoted(text) ? still_quoted_text(name) : std::string(name) + " " + std::get<std::string>(read);
    const auto secure = [](const std::string& endpoint) { return !endpoint.starts_with("http://"); };
    const bool used =
        !into.s2.basin.empty() && (secure(into.s2.account_endpoint) || secure(into.s2.basin_endpoint));
    if (used)
        from.fail(wrong);
    else
        into.notes.push_back(wrong + "; it is not used");
}

void read_s2(setting_reader& from, config& into, const host_facts& host) {
    s2_config& s2 = into.s2;
    if (const auto* basin = from.text("s2-basin")) {
        s2.basin = *basin;
        if (const auto wrong = s2::invalid_basin_name(*basin))
            from.refuse("s2-basin", "is not a basin's name: " + *wrong);
    }
    if (const auto* endpoint = from.text("s2-account-endpoint"))
        s2.account_endpoint = *endpoint;
    if (const auto* endpoint = from.text("s2-basin-endpoint"))
        s2.basin_endpoint = *endpoint;
    for (const auto* name : {"s2-account-endpoint", "s2-basin-endpoint"}) {
        const bool account = std::string_view(name) == "s2-account-endpoint";
        if (!from.find(name))
            continue;
        const auto read = account ? s2::endpoints::parse(s2.account_endpoint, "")
                                  : s2::endpoints::parse("", s2.basin_endpoint);
        if (!read)
            from.refuse(name, "is not an endpoint: " + read.error().text() +
                                  "; write http://HOST:PORT (cleartext HTTP/2) or https://HOST");
        else if ((account ? s2.account_endpoint : s2.basin_endpoint).size() > endpoint_bytes_max)
            from.refuse(name, "is longer than " + std::to_string(endpoint_bytes_max) +
                                  " bytes, which is the most that a place is remembered with");
    }
    const bool own_account = from.find("s2-account-endpoint") != nullptr;
    const bool own_basin = from.find("s2-basin-endpoint") != nullptr;
    if (!s2.basin.empty() && own_account != own_basin) {
        into.notes.push_back(std::string("only one of S2's two endpoints is set (") +
                             (own_account ? "account" : "basin") + "): the other one is the cloud's");
    }

    if (const auto* stream = from.text("s2-stream")) {
        s2.stream_template = *stream;
        if (const auto wrong = invalid_stream_template(*stream))
            from.refuse("s2-stream", *wrong);
    }
    from.file("s2-ca", s2.ca_file);
    // What else may be wrong with it is said where it is read, before the first connection.
    if (!s2.basin.empty() && !s2.ca_file.empty() && host.exists && !host.exists(s2.ca_file))
        from.refuse("s2-ca",
                    "cannot be read: No such file or directory; name the file with the authorities (PEM)",
                    exit_code::unusable);
    read_proxy(from, into, host);
    from.on("s2-insecure", s2.insecure);
    if (const auto* compression = from.text("s2-compression")) {
        if (const auto read = s2::parse_compression(*compression))
            s2.compression = *read;
        else
            from.refuse("s2-compression", "is not none, zstd or gzip");
    }

    // The file wins over the variable, and both over a credential that the service manager passed.
    from.file("s2-token-file", s2.token_file);
    const auto token = net::trimmed(variable(host.secrets, "S2_ACCESS_TOKEN"));
    const auto directory = variable(host.environment, "CREDENTIALS_DIRECTORY");
    if (s2.token_file.empty() && !token.empty())
        s2.token = s2::secret(std::string(token));
    if (s2.token_file.empty() && token.empty() && !directory.empty()) {
        const path credential = path(directory) / "s2_access_token";
        if (host.exists && host.exists(credential))
            s2.token_file = credential;
    }
    if (s2.basin.empty()) {
        std::string set;
        for (const auto* name : {"s2-account-endpoint", "s2-basin-endpoint", "s2-token-file", "s2-ca",
                                 "s2-insecure", "s2-compression"}) {
            if (const auto* value = from.find(name))
                set += (set.empty() ? "" : ", ") + value->where;
        }
        if (!token.empty())
            set += (set.empty() ? "" : ", ") + std::string("S2_ACCESS_TOKEN");
        if (!set.empty())
            into.notes.push_back(
                "no basin is named (S2_BASIN, --s2-basin): events go to the embedded store; unused: " + set);
    }
}

void read_delivery(setting_reader& from, delivery_config& into) {
    from.interval("linger", into.linger, 0s, 1h);
    from.count("batch-records", into.batch_records, 1, s2::batch_records_max);
    from.size("batch-bytes", into.batch_bytes, 1, s2::batch_metered_bytes_max);
    from.count("in-flight", into.in_flight, 1, in_flight_batches_max);
    from.interval("connect-timeout", into.connect_timeout, 1ms, 1h);
    from.interval("ack-timeout", into.ack_timeout, 1ms, 1h);
    from.interval("idle-close", into.idle_close, 1ms, 24h);
}

void read_storage(setting_reader& from, config& into, const host_facts& host) {
    const setting_value* state = from.find("state-dir");
    if (!state) {
        into.state_dir = default_state_dir(host);
        if (into.state_dir.empty())
            from.fail("--state-dir: no default is known ($HOME is not set); name a directory, or none");
    } else if (state->text.empty()) {
        from.refuse("state-dir", "is empty; name a directory, or none");
    } else if (state->text != "none") {
        into.state_dir = state->text;
    }
    constexpr std::uint64_t most = std::uint64_t{1} << 50;
    from.size("ring-capacity", into.ring_capacity, ring_capacity_bytes_min, most);
    from.size("live-history", into.live_history, 0, most);
    from.size("store-capacity", into.store_capacity, store_capacity_bytes_min, most);
    from.file("files", into.files);
    if (into.ring_capacity < 2 * into.live_history) {
        const char* which = from.find("ring-capacity") ? "ring-capacity" : "live-history";
        from.refuse(which, "does not fit: the ring (" + size_text(into.ring_capacity) +
                               ") must be at least twice the live history (" + size_text(into.live_history) +
                               "); raise --ring-capacity or lower --live-history");
    }
}

void read_process(setting_reader& from, config& into) {
    from.interval("shutdown-timeout", into.shutdown_timeout, 0s, 24h);
    from.interval("input-grace", into.input_grace, 0s, 24h);
    if (const auto* report = from.text("report"))
        into.report = *report;
    if (const auto* level = from.text("log-level")) {
        constexpr std::array<std::string_view, 6> levels{"trace", "debug", "info", "warn", "error", "off"};
        into.log_level = net::lower_case(*level);
        if (std::find(levels.begin(), levels.end(), into.log_level) == levels.end())
            from.refuse("log-level", "is not trace, debug, info, warn, error or off");
    }
    if (const auto* format = from.text("log-format")) {
        if (*format == "json")
            into.log = log_format::json;
        else if (*format != "text")
            from.refuse("log-format", "is not text or json");
    }
}

} // namespace

std::optional<std::string> invalid_stream_template(std::string_view text) {
    constexpr std::string_view id_field = "{capture_session_id}";
    std::string name(text);
    for (auto at = name.find(id_field); at != std::string::npos; at = name.find(id_field))
        name.replace(at, id_field.size(), std::string(36, '0'));
    if (name.find_first_of("{}") != std::string::npos)
        return "has a field that is not known; {capture_session_id} is the only one";
    if (name.size() + continuation_suffix_bytes > s2::stream_name_bytes_max)
        return "makes names that are too long (503 bytes at most)";
    if (const auto wrong = s2::invalid_stream_name(name))
        return "makes names that are not valid: " + *wrong;
    return std::nullopt;
}

path default_state_dir(const host_facts& host) {
    if (const auto given = variable(host.environment, "STATE_DIRECTORY"); !given.empty())
        return path(given.substr(0, given.find(':'))); // systemd lists several with colons
    if (const auto home = variable(host.environment, "XDG_STATE_HOME"); !home.empty())
        return path(home) / "ringtail";
    if (host.root)
        return "/var/lib/ringtail";
    if (const auto home = variable(host.environment, "HOME"); !home.empty())
        return path(home) / ".local/state/ringtail";
    return {};
}

namespace {

// The service manager's own variable, in microseconds; anything else than a positive number asks for nothing,
// and so does one that was meant for the process that started this one.
std::optional<net::duration> watchdog_of(const host_facts& host) {
    const auto asked = variable(host.environment, "WATCHDOG_PID");
    if (!asked.empty() && asked != std::to_string(host.pid))
        return std::nullopt;
    const auto text = variable(host.environment, "WATCHDOG_USEC");
    std::int64_t usec = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), usec);
    constexpr auto usec_max =
        std::chrono::duration_cast<std::chrono::microseconds>(net::duration::max()).count();
    if (bad != std::errc() || end != text.data() + text.size() || usec <= 0 || usec > usec_max)
        return std::nullopt;
    return std::chrono::microseconds(usec);
}

} // namespace

std::variant<config, config_error> make_config(const setting_values& values, const host_facts& host) {
    config made;
    made.watchdog = watchdog_of(host);
    setting_reader from(values);
    // Those that no setting has.
    for (const char* name : {"STATE_DIRECTORY", "XDG_STATE_HOME", "CREDENTIALS_DIRECTORY"})
        if (still_quoted(net::trimmed(variable(host.environment, name))))
            from.fail(still_quoted_text(name));
    if (still_quoted(net::trimmed(variable(host.secrets, "S2_ACCESS_TOKEN"))))
        from.fail(still_quoted_text("S2_ACCESS_TOKEN"));
    read_intake(from, made);
    read_api(from, made, host);
    read_s2(from, made, host);
    read_delivery(from, made.delivery);
    read_storage(from, made, host);
    read_process(from, made);
    if (from.failed())
        return from.error();
    return made;
}

} // namespace agent
