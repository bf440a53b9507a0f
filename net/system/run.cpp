#include "net/system/run.hpp"

#include "net/system/environment.hpp"
#include "net/system/signals.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <optional>

namespace net {

void run_system(std::function<task<void>(environment&)> body,
                std::function<void(signal_order what)> on_order) {
    asio::io_context loop(1);
    system_environment env(loop);
    std::optional<system_signals> signals;
    signal_orders orders(standard_error_is_terminal());
    if (on_order)
        signals.emplace(loop, [&orders, &on_order](int signal) {
            const auto what = orders.take(signal);
            if (what != signal_order::nothing)
                on_order(what);
        });
    std::exception_ptr failure;
    asio::co_spawn(loop, body(env), [&](std::exception_ptr why) {
        failure = why;
        signals.reset();
    });
    loop.run();
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace net
