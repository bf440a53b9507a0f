// RINGTAIL_CONFORMANCE_ENDPOINT=in-process: each case gets an embedded store of its own, in memory, reached
// over pipes as inside `ringtail run`.

#include "s2/local/server.hpp"
#include "s2/local/sqlite_storage.hpp"
#include "tests/conformance/target.hpp"

#include <stdexcept>

namespace conformance {
namespace {

struct running_server {
    explicit running_server(net::environment& env, std::unique_ptr<s2::local::storage> on)
        : stop(env)
        , server(env, std::move(on), stop)
        , started(env) {}

    net::stop_source stop;
    s2::local::embedded_server server;
    net::condition started; // connections are refused before
    bool up = false;
};

net::task<> run(std::shared_ptr<running_server> what) {
    const auto announce = [what]() -> net::task<> {
        what->up = true;
        what->started.notify();
        co_return;
    };
    co_await what->server.run(announce);
}

net::task<net::result<std::unique_ptr<net::stream>>> connect(std::shared_ptr<running_server> to) {
    while (!to->up)
        co_await to->started.wait();
    co_return to->server.connect();
}

s2::dial_function start(net::environment& env, net::task_group& group) {
    auto storage = s2::local::sqlite_storage::open(":memory:");
    if (!storage)
        throw std::runtime_error(storage.error().message);
    const auto made = std::make_shared<running_server>(env, std::move(*storage));
    group.spawn(run(made));
    return [made](net::time_point) { return connect(made); };
}

const bool registered = (set_in_process_server(start), true);

} // namespace
} // namespace conformance
