// A configuration file, read and checked. Comments of the form "#NAME=VALUE" are the environment's variables.
#include "agent/config/file.hpp"
#include "agent/config/make_config.hpp"
#include "s2/types.hpp"
#include "tests/fuzz/input.hpp"

namespace {

agent::variables environment_in(std::string_view content) {
    agent::variables found{{"HOME", "/home/x"}};
    while (!content.empty()) {
        const auto line = content.substr(0, content.find('\n'));
        content.remove_prefix(std::min(content.size(), line.size() + 1));
        const auto equals = line.find('=');
        if (line.starts_with('#') && equals != line.npos)
            found[std::string(line.substr(1, equals - 1))] = line.substr(equals + 1);
    }
    return found;
}

void holds(const agent::config& made) {
    NET_ASSERT(!made.listen || made.listen->loopback() || !made.api_token_file.empty(),
               "only an API with a token can be reached from elsewhere");
    NET_ASSERT(made.ring_capacity >= agent::ring_capacity_bytes_min &&
                   made.ring_capacity >= 2 * made.live_history,
               "the ring holds twice the live history");
    NET_ASSERT(made.delivery.batch_records >= 1 && made.delivery.batch_records <= s2::batch_records_max &&
                   made.delivery.batch_bytes <= s2::batch_metered_bytes_max && made.delivery.in_flight >= 1,
               "a batch is within the protocol's limits");
    NET_ASSERT(made.s2.basin.empty() || !s2::invalid_basin_name(made.s2.basin), "a basin has a valid name");
    NET_ASSERT(!made.session_id || made.session_id->size() == 36, "a session's id is a UUID");
    NET_ASSERT(!made.watchdog || *made.watchdog > net::duration::zero(), "a watchdog waits");
    NET_ASSERT(made.shutdown_timeout >= net::duration::zero() &&
                   made.delivery.linger >= net::duration::zero(),
               "times are not negative");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto content = fuzz::text_of(data, size);
    agent::setting_values values;
    if (const auto failed = agent::gather_file(content, "f.toml", values)) {
        NET_ASSERT(failed->message.starts_with("f.toml: line "), "a refusal says where");
        NET_ASSERT(failed->code == agent::exit_code::usage, "what is wrong in a file is the caller's");
        return 0;
    }
    agent::host_facts host{environment_in(content), false, [](const auto&) { return true; }};
    const auto made = agent::make_config(values, host);
    if (const auto* refused = std::get_if<agent::config_error>(&made)) {
        NET_ASSERT(!refused->message.empty(), "a refusal says why");
        return 0;
    }
    holds(std::get<agent::config>(made));
    return 0;
}
