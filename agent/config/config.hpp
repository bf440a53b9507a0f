#pragma once
// The configuration of `ringtail run` as plain data: flags over variables over file (product: Command line).
// Gathered by sources, checked by make_config; everybody else only reads.

#include "agent/event/category.hpp"
#include "net/clock.hpp"
#include "net/endpoint.hpp"
#include "net/proxy/proxy.hpp"
#include "s2/credentials.hpp"
#include "s2/frame.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace agent {

using namespace std::chrono_literals;

constexpr std::size_t endpoint_bytes_max = 512; // S2's two stand in each stored place

struct s2_config {
    std::string basin; // empty: the embedded store
    std::string account_endpoint = "https://a.s2.dev";
    std::string basin_endpoint = "https://{basin}.b.s2.dev";
    s2::secret token;                 // from the variable; never from a flag
    std::filesystem::path token_file; // wins over token
    std::string stream_template = "{capture_session_id}";
    std::filesystem::path ca_file;
    net::proxy_settings proxy;
    bool insecure = false;
    s2::compression compression = s2::compression::none;
};

struct delivery_config {
    net::duration linger = 100ms;
    std::size_t batch_records = 50;
    std::uint64_t batch_bytes = 1024 * 1024; // metered
    std::size_t in_flight = 8;               // batches; and 4 MiB metered
    net::duration connect_timeout = 3s;
    net::duration ack_timeout = 4s;
    net::duration idle_close = 30s;
};

enum class log_format { text, json };

struct config {
    std::optional<std::string> input;      // "-" or a file: NDJSON intake, and its end runs the teardown
    std::optional<std::string> session_id; // a UUID
    category_set categories = all_categories();
    bool start = false;
    std::optional<net::endpoint> listen; // none with input unless given
    std::optional<std::string> unix_path;
    std::optional<std::string> ndjson_unix_path;
    net::socket_access unix_access; // of both
    std::optional<net::endpoint> metrics_listen;
    std::filesystem::path api_token_file;
    bool open_listen = false; // on other than loopback without a token: a proxy in front checks callers
    std::optional<std::vector<std::string>> allow_origins; // patterns; nothing: the default
    std::vector<std::string> allow_hosts;
    std::size_t sse_clients = 200;
    s2_config s2;
    delivery_config delivery;
    std::filesystem::path state_dir; // empty: none, everything in memory
    std::uint64_t ring_capacity = 256 * 1024 * 1024;
    std::uint64_t live_history = 8 * 1024 * 1024;
    std::uint64_t store_capacity = 10ull * 1024 * 1024 * 1024;
    std::filesystem::path files;         // empty: file sink off
    net::duration shutdown_timeout = 8s; // a container's kill after 10 s must not win
    net::duration input_grace = 2s;
    std::string report; // a file, "-", or empty
    // the service manager's (WATCHDOG_USEC), where it asks this process
    std::optional<net::duration> watchdog;
    std::string log_level = "info";
    log_format log = log_format::text;
    std::vector<std::string> notes; // one log line each at start: what was set and is not used, and the like
};

} // namespace agent
