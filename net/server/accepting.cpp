#include "net/server/accepting.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

namespace net {

accept_trouble classify_accept(const error_code& ec) noexcept {
    const bool of_the_system = ec.category() == boost::system::system_category() ||
                               ec.category() == boost::system::generic_category();
    if (!of_the_system)
        return accept_trouble::other;
    if (is_shortage(ec))
        return accept_trouble::shortage;
    switch (ec.value()) {
    // The peer has hung up, or was refused by a packet filter.
    case ECONNABORTED:
    case ECONNRESET:
    case EPERM:
    case ETIMEDOUT:
    case EINTR:
    case EAGAIN:
    // Linux hands over errors that wait on the new socket (accept(2)).
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return accept_trouble::passing;
    default:
        return accept_trouble::other;
    }
}

accept_policy::verdict accept_policy::failed(const error_code& ec) {
    const auto trouble = classify_accept(ec);
    if (trouble == accept_trouble::shortage)
        return {accept_shortage_wait, false};
    if (trouble == accept_trouble::passing && ++passing_ <= accept_passing_max)
        return {};
    verdict found{next_wait_, ec != told_};
    next_wait_ = std::min(next_wait_ * 2, accept_longest_wait);
    told_ = ec;
    return found;
}

bool accept_policy::accepted() {
    passing_ = 0;
    next_wait_ = accept_first_wait;
    return std::exchange(told_, error_code()).failed();
}

accepting::accepting(environment& env, listener& from, report_function report)
    : env_(env)
    , from_(from)
    , report_(std::move(report)) {}

task<std::unique_ptr<stream>> accepting::next(stop_token stop) {
    while (!stop.stopping()) {
        auto accepted = co_await accept();
        if (accepted) {
            if (policy_.accepted())
                tell(report_, "connections to " + from_.local().text() + " are accepted again");
            co_return std::move(*accepted);
        }
        if (is_cancelled(accepted.error()))
            break;
        const auto [wait, news] = policy_.failed(accepted.error());
        if (news)
            tell(report_, "accepting connections to " + from_.local().text() +
                              " fails and is tried again: " + accepted.error().message());
        if (wait > duration::zero())
            co_await wait_for(
                stop.changed(), [&] { return stop.stopping(); }, saturating_add(env_.now(), wait));
    }
    co_return nullptr;
}

task<result<std::unique_ptr<stream>>> accepting::accept() {
    try {
        auto accepted = co_await from_.accept();
        co_return std::move(accepted);
    } catch (const std::bad_alloc&) {
        co_return boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
    }
}

} // namespace net
