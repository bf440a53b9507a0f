#include "net/system_run.hpp"

#include "net/signal_orders.hpp"
#include "net/system_environment.hpp"
#include "net/system_signals.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <optional>

namespace net {

void run_system(std::function<task<void>(environment&)> body, std::function<void(int signal)> on_signal) {
    asio::io_context loop(1);
    system_environment env(loop);
    std::optional<system_signals> signals;
    signal_orders orders(standard_error_is_terminal());
    if (on_signal)
        signals.emplace(loop, [&orders, &on_signal](int signal) {
            if (orders.take(signal) == signal_order::leave)
                on_signal(signal);
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
