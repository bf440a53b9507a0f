#include "agent/service/descriptors.hpp"

#include "agent/intake/ndjson_listener.hpp"
#include "net/http/message.hpp"
#include "net/server/listening.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace agent {
namespace {

// The most that each is seen to hold at one time, what it opens for a moment included.
constexpr std::size_t state_dir_most = 6; // lock; a segment that is made, opened, listed; two syncs
constexpr std::size_t embedded_store_most =
    7;                                  // database, log, shared memory; journal, directory, two temporary
constexpr std::size_t history_most = 6; // its database, log, shared memory; journal, directory, one looked at
constexpr std::size_t s2_hosts = 2;     // account and basin
constexpr std::size_t connections_per_host = 3;            // in use, leaving, being dialled
constexpr std::size_t resolver_most = 5;                   // its files, and a socket per name server
constexpr std::size_t credentials_most = 2;                // token, certificates
constexpr std::size_t file_sink_most = category_count + 2; // one a category; position, directory
constexpr std::size_t input_most = 1;
constexpr std::size_t listener_most = 2; // and the connection that it has accepted and not yet given a place
constexpr std::size_t reports_most = 2;  // status and report: the file, its directory
constexpr std::size_t other_most = 4;    // time zone, service manager, boot id, what a library opens

constexpr std::size_t spare_most = 16;
constexpr std::size_t connections_least = 8; // an agent with fewer is of no use to who listens
constexpr std::size_t spare_least = 2;
constexpr std::size_t left_per_spare = 4; // of what is left, one in so many is spare

} // namespace

std::size_t listeners_of(const std::optional<net::endpoint>& at) {
    if (!at)
        return 0;
    const bool address = at->host.find(':') != std::string::npos ||
                         at->host.find_first_not_of("0123456789.") == std::string::npos;
    return address ? 1 : net::listen_addresses_max;
}

descriptor_needs needs_of(const config& configuration) {
    descriptor_needs needs;
    needs.state_dir = !configuration.state_dir.empty();
    needs.embedded_store = configuration.s2.basin.empty();
    needs.s2 = !needs.embedded_store;
    needs.file_sink = !configuration.files.empty();
    needs.input = configuration.input.has_value();
    const std::size_t apis = listeners_of(configuration.listen) + (configuration.unix_path ? 1 : 0);
    const std::size_t ndjson = configuration.ndjson_unix_path ? 1 : 0;
    needs.listeners = apis + ndjson + listeners_of(configuration.metrics_listen);
    needs.set_aside = configuration.metrics_listen ? metrics_connections_max + metrics_connections_spare : 0;
    needs.ndjson_wanted = ndjson * ndjson_connections_max;
    needs.connections_wanted = (apis > 0 ? net::http_limits{}.connections_max : 0) + needs.ndjson_wanted;
    return needs;
}

descriptor_budget budget_descriptors(const net::descriptor_supply& supply, const descriptor_needs& needs) {
    descriptor_budget budget;
    budget.limit = supply.limit;
    budget.open = supply.open;
    budget.reserved =
        supply.open + reports_most + other_most + needs.listeners * listener_most + needs.set_aside;
    if (needs.state_dir)
        budget.reserved += state_dir_most + history_most;
    if (needs.embedded_store)
        budget.reserved += embedded_store_most;
    if (needs.s2)
        budget.reserved += s2_hosts * connections_per_host + resolver_most + credentials_most;
    if (needs.file_sink)
        budget.reserved += file_sink_most;
    if (needs.input)
        budget.reserved += input_most;
    budget.needed = budget.reserved;
    if (needs.listeners == 0)
        return budget;
    budget.needed += connections_least + spare_least;
    if (!budget.enough())
        return budget;
    const std::size_t left = budget.limit - budget.reserved;
    budget.spare = std::clamp(left / left_per_spare, spare_least, spare_most);
    budget.connections = std::min(left - budget.spare, needs.connections_wanted);
    if (needs.ndjson_wanted > 0)
        budget.ndjson_connections =
            needs.ndjson_wanted == needs.connections_wanted ? budget.connections : budget.connections / 2;
    budget.reserved += budget.spare;
    return budget;
}

std::string text_of(const descriptor_budget& budget) {
    return fmt::format("file descriptors: limit {}, {} reserved, {} left for connections", budget.limit,
                       budget.reserved, budget.connections);
}

std::string too_few_text(const descriptor_budget& budget) {
    return fmt::format(
        "too few file descriptors: this configuration needs a limit of at least {0}, and it is "
        "{1} ({2} are open already); raise the hard limit: `ulimit -n {0}` in a shell, "
        "LimitNOFILE={0} in a systemd unit, `--ulimit nofile={0}` of a container",
        budget.needed, budget.limit, budget.open);
}

} // namespace agent
