#include "agent/service/run.hpp"

#include "agent/host/log.hpp"
#include "agent/service/service.hpp"
#include "agent/state/sqlite_history.hpp"
#include "net/signal_orders.hpp"
#include "net/system/environment.hpp"
#include "net/system/signals.hpp"

#include <boost/asio/io_context.hpp>

#include <spdlog/spdlog.h>

#include <string.h> // strsignal

namespace agent {
namespace {

std::string signal_name(int signal) {
    return "signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
}

} // namespace

exit_code run_agent(const config& configuration) {
    boost::asio::io_context loop(1);
    net::system_environment env(loop);
    service one(env, configuration, nullptr, {open_sqlite_history});
    net::signal_orders orders(net::standard_error_is_terminal());
    const net::system_signals signals(loop, [&](int signal) {
        switch (orders.take(signal)) {
        case net::signal_order::leave:
            one.on_signal();
            break;
        case net::signal_order::reload:
            one.reload();
            break;
        case net::signal_order::nothing:
            spdlog::info("{} means nothing to this program", signal_name(signal));
            break;
        }
    });
    exit_code result = exit_code::failure;
    net::task_group root(env);
    root.spawn([&]() -> net::task<> {
        try {
            result = co_await one.run();
        } catch (const std::exception& failed) {
            spdlog::critical("the agent failed: {}", failed.what());
        }
        loop.stop();
    });
    loop.run();
    return result;
}

} // namespace agent
