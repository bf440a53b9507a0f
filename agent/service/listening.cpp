#include "agent/service/listening.hpp"

namespace agent {
namespace {

std::variant<net::listeners, net::listen_failure> listen_at(const service_core& core,
                                                            const net::endpoint& at) {
    if (at.type == net::endpoint::kind::tcp)
        return net::listen_everywhere(core.env, at);
    auto one = core.env.listen_for(at, core.configuration.unix_access);
    if (!one)
        return net::listen_failure{at, one.error()};
    net::listeners made;
    made.push_back(std::move(*one));
    return made;
}

start_failure explained(const std::string& option, const net::listen_failure& failed) {
    const bool on_file = failed.at.type == net::endpoint::kind::unix_socket;
    const std::string where = option + " " + (on_file ? failed.at.host : failed.at.text());
    if (failed.why == net::make_error_code(net::error::group_refused))
        return {exit_code::unusable,
                "cannot give " + where + " to the group of --unix-group: " + failed.why.message() +
                    "; name a group that the agent's user is in, or run the agent as root"};
    if (failed.why == net::make_error_code(net::error::limit_exceeded))
        return {exit_code::failure, "cannot listen on " + where + ": the name has more than " +
                                        std::to_string(net::listen_addresses_max) +
                                        " addresses; name the address that is meant"};
    const bool in_use = failed.why == boost::system::errc::address_in_use;
    return {exit_code::failure,
            "cannot listen on " + where + ": " + failed.why.message() +
                (in_use ? "; another program has it: choose another address or path" : "")};
}

} // namespace

std::variant<net::listeners, start_failure> listen_on(const service_core& core,
                                                      const wanted_address& wanted) {
    auto opened = listen_at(core, wanted.at);
    if (const auto* failed = std::get_if<net::listen_failure>(&opened))
        return explained(wanted.option, *failed);
    return std::move(std::get<net::listeners>(opened));
}

} // namespace agent
