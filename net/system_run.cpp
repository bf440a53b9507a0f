#include "net/system_run.hpp"

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
    if (on_signal)
        signals.emplace(loop, std::move(on_signal));
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
