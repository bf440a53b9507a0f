#include "tests/conformance/target.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace conformance {
namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

in_process_server& in_process() {
    static in_process_server start;
    return start;
}

} // namespace

void set_in_process_server(in_process_server start) {
    in_process() = std::move(start);
}

bool target_configured() {
    const auto endpoint = variable("RINGTAIL_CONFORMANCE_ENDPOINT");
    return endpoint == "in-process" ? static_cast<bool>(in_process()) : !endpoint.empty();
}

std::optional<target> find_target(net::environment& env, net::task_group& group) {
    if (!target_configured())
        return std::nullopt;
    auto endpoint = variable("RINGTAIL_CONFORMANCE_ENDPOINT");
    target found;
    if (endpoint == "in-process") {
        found.options.dial = in_process()(env, group);
        endpoint = "http://in-process";
    }
    auto where = s2::endpoints::parse(endpoint, endpoint);
    if (!where)
        throw std::runtime_error(where.error().text());
    found.where = *where;
    found.options.ca_file = variable("RINGTAIL_CONFORMANCE_CA");
    found.options.insecure = variable("RINGTAIL_CONFORMANCE_INSECURE") == "1";
    return found;
}

} // namespace conformance
