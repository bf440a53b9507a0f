#include "net/server/listening.hpp"

namespace net {
namespace {

constexpr int tries_for_a_port = 16; // one that is free on the first address may be taken on the second

// IPv6 that is switched off has no address to give, not even ::1.
bool family_lacking(const endpoint& at, const error_code& why) {
    namespace errc = boost::system::errc;
    const bool v6 = at.host.find(':') != std::string::npos;
    return why == errc::address_family_not_supported || (v6 && why == errc::address_not_available);
}

std::variant<listeners, listen_failure> listen_on_each(environment& env, std::vector<endpoint> all) {
    listeners made;
    std::optional<listen_failure> passed_over;
    std::uint16_t port = all.front().port;
    for (auto& at : all) {
        at.port = port;
        auto one = env.listen(at);
        if (!one && !family_lacking(at, one.error()))
            return listen_failure{at, one.error()};
        if (!one && !passed_over)
            passed_over = listen_failure{at, one.error()};
        if (!one)
            continue;
        port = (*one)->local().port;
        made.push_back(std::move(*one));
    }
    if (made.empty())
        return *passed_over;
    return made;
}

} // namespace

std::variant<listeners, listen_failure> listen_everywhere(environment& env, const endpoint& at) {
    const auto all = env.addresses_of(at);
    if (!all)
        return listen_failure{at, all.error()};
    if (all->size() > listen_addresses_max)
        return listen_failure{at, make_error_code(error::limit_exceeded)};
    for (int left = tries_for_a_port;; --left) {
        auto outcome = listen_on_each(env, *all);
        const auto* failed = std::get_if<listen_failure>(&outcome);
        const bool another_port = failed && at.port == 0 && failed->at.port != 0 &&
                                  failed->why == boost::system::errc::address_in_use;
        if (!another_port || left == 1)
            return outcome;
    }
}

} // namespace net
