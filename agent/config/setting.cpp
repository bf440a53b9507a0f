#include "agent/config/setting.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace agent {
namespace {

constexpr std::string_view intake = "Intake and session";
constexpr std::string_view api = "API";
constexpr std::string_view s2_group = "S2 (without a basin: the embedded store)";
constexpr std::string_view delivery = "Delivery";
constexpr std::string_view storage = "Local storage";
constexpr std::string_view process = "Process";

constexpr std::array table{
    setting{"input", "", "FILE", "", intake,
            "NDJSON events from a file, - for standard input; at its end: deliver, exit"},
    setting{"session-id", "RINGTAIL_SESSION_ID", "UUID", "a new one", intake,
            "id of the capture session to start"},
    setting{"categories", "RINGTAIL_CATEGORIES", "LIST", "all", intake,
            "categories to keep: console,network,page,…"},
    setting{"start", "RINGTAIL_START", "", "off", intake,
            "start a capture session at boot, without an API call"},
    setting{"ndjson-unix", "RINGTAIL_NDJSON_UNIX", "PATH", "none", intake, "NDJSON events on a Unix socket"},

    setting{"listen", "RINGTAIL_LISTEN", "HOST:PORT|none", "127.0.0.1:10001, none with input", api,
            "HTTP API on TCP"},
    setting{"unix", "RINGTAIL_UNIX", "PATH", "none", api, "HTTP API on a Unix socket"},
    setting{"unix-mode", "RINGTAIL_UNIX_MODE", "MODE", "0600", api, "who may use both Unix sockets, octal"},
    setting{"unix-group", "RINGTAIL_UNIX_GROUP", "NAME", "none", api, "group of both Unix sockets"},
    setting{"api-token-file", "RINGTAIL_API_TOKEN_FILE", "FILE", "none", api,
            "token that callers must send; required before listening on other than loopback"},
    setting{"open-listen", "RINGTAIL_OPEN_LISTEN", "", "off", api,
            "no token on other than loopback either: a proxy in front checks who calls"},
    setting{"metrics-listen", "RINGTAIL_METRICS_LISTEN", "HOST:PORT|none", "none", api,
            "/metrics, /healthz and /readyz on a listener of their own, too"},
    setting{"allow-origin", "RINGTAIL_ALLOW_ORIGIN", "LIST|none", "extensions may post telemetry events", api,
            "web origins that may call: https://app.example,chrome-extension://*"},
    setting{"allow-host", "RINGTAIL_ALLOW_HOST", "LIST", "loopback names and addresses", api,
            "further names that callers may call the agent by"},
    setting{"sse-clients", "RINGTAIL_SSE_CLIENTS", "N", "200", api, "that may stream at one time"},

    setting{"s2-basin", "S2_BASIN", "NAME", "none", s2_group, "basin to deliver to"},
    setting{"s2-account-endpoint", "S2_ACCOUNT_ENDPOINT", "URL", "the cloud's", s2_group,
            "http:// is HTTP/2 in cleartext"},
    setting{"s2-basin-endpoint", "S2_BASIN_ENDPOINT", "URL", "the cloud's", s2_group, "may hold {basin}"},
    setting{"s2-token-file", "S2_ACCESS_TOKEN_FILE", "FILE", "none", s2_group,
            "access token, re-read when it changes; or the token itself in S2_ACCESS_TOKEN"},
    setting{"s2-stream", "RINGTAIL_S2_STREAM", "TEMPLATE", "{capture_session_id}", s2_group,
            "stream of a new session"},
    setting{"s2-ca", "S2_CA_FILE", "FILE", "the system's", s2_group, "certificate authorities (PEM)"},
    setting{"s2-insecure", "S2_SSL_NO_VERIFY", "", "off", s2_group, "accept any certificate"},
    setting{"s2-compression", "S2_COMPRESSION", "none|zstd|gzip", "none", s2_group, "of batches sent"},

    setting{"linger", "RINGTAIL_LINGER", "DURATION", "100ms", delivery,
            "longest wait of an event for company"},
    setting{"batch-records", "RINGTAIL_BATCH_RECORDS", "N", "50", delivery, "records that end the linger"},
    setting{"batch-bytes", "RINGTAIL_BATCH_BYTES", "SIZE", "1MiB", delivery, "bytes that end the linger"},
    setting{"in-flight", "RINGTAIL_IN_FLIGHT", "N", "8", delivery, "batches sent and not yet acknowledged"},
    setting{"connect-timeout", "RINGTAIL_CONNECT_TIMEOUT", "DURATION", "3s", delivery,
            "for name, TCP and TLS"},
    setting{"ack-timeout", "RINGTAIL_ACK_TIMEOUT", "DURATION", "4s", delivery, "without progress: reconnect"},
    setting{"idle-close", "RINGTAIL_IDLE_CLOSE", "DURATION", "30s", delivery,
            "closes an append session without work"},

    setting{"state-dir", "RINGTAIL_STATE_DIR", "DIR|none",
            "$STATE_DIRECTORY, $XDG_STATE_HOME/ringtail, /var/lib/ringtail", storage,
            "ring, embedded store, sessions, status.json"},
    setting{"ring-capacity", "RINGTAIL_RING_CAPACITY", "SIZE", "256MiB", storage,
            "at least 16MiB and 2 x live-history"},
    setting{"live-history", "RINGTAIL_LIVE_HISTORY", "SIZE", "8MiB", storage,
            "kept for SSE clients though delivered"},
    setting{"store-capacity", "RINGTAIL_STORE_CAPACITY", "SIZE", "10GiB", storage, "of the embedded store"},
    setting{"files", "RINGTAIL_FILES", "DIR", "none", storage, "also write one JSONL file per category here"},

    setting{"shutdown-timeout", "RINGTAIL_SHUTDOWN_TIMEOUT", "DURATION", "8s", process,
            "to deliver what is left at the end"},
    setting{"input-grace", "RINGTAIL_INPUT_GRACE", "DURATION", "2s", process,
            "of it, at most a quarter, for the last words of producers after a signal"},
    setting{"report", "RINGTAIL_REPORT", "FILE|-", "none", process, "at exit, one JSON object"},
    setting{"log-level", "RINGTAIL_LOG_LEVEL", "LEVEL", "info", process,
            "trace, debug, info, warn, error, off"},
    setting{"log-format", "RINGTAIL_LOG_FORMAT", "text|json", "text", process, "to standard error"},
    setting{"config", "RINGTAIL_CONFIG", "FILE", "none", process,
            "TOML, keys as the flags without dashes; flags win over variables over file"},
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

} // namespace

std::span<const setting> all_settings() {
    return table;
}

const setting* find_setting(std::string_view name) {
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const setting& s) { return s.name == name; });
    return found == table.end() ? nullptr : &*found;
}

const setting_value* setting_values::find(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

void setting_values::set(std::string_view name, setting_value value) {
    const auto found = values_.find(name);
    if (found == values_.end())
        values_.emplace(std::string(name), std::move(value));
    else if (value.from >= found->second.from)
        found->second = std::move(value);
}

std::string_view variable(const variables& from, std::string_view name) {
    const auto found = from.find(name);
    return found == from.end() ? std::string_view{} : std::string_view(found->second);
}

std::string_view variable(const secret_variables& from, std::string_view name) {
    const auto found = from.find(name);
    return found == from.end() ? std::string_view{} : found->second.reveal();
}

bool still_quoted(std::string_view value) {
    return value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
           value.back() == value.front();
}

std::string still_quoted_text(std::string_view variable) {
    return std::string(variable) +
           ": its value is still in quotes, which docker --env-file, for one, does not take away; write it "
           "without";
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
    constexpr std::size_t word_bytes_max = 64; // longer words are no typing error, and the table is quadratic
    if (word.size() > word_bytes_max)
        return std::nullopt;
    std::optional<std::string> best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

} // namespace agent
