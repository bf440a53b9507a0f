#include "agent/run.hpp"

#include "agent/service.hpp"
#include "net/system_environment.hpp"
#include "net/system_signals.hpp"

#include <boost/asio/io_context.hpp>

#include <spdlog/spdlog.h>

namespace agent {

exit_code run_agent(const config& configuration) {
    boost::asio::io_context loop(1);
    net::system_environment env(loop);
    service one(env, configuration);
    const net::system_signals signals(loop, [&one](int) { one.on_signal(); });
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
