#include "s2/local/server.hpp"

#include "net/server/listening.hpp"
#include "net/task/file_locking.hpp"
#include "net/task/pipe.hpp"
#include "s2/local/sqlite_storage.hpp"

namespace s2::local {

embedded_server::embedded_server(net::environment& env, std::unique_ptr<storage> on, net::stop_token stop,
                                 face_options face, net::http_limits limits, net::report_function report)
    : env_(env)
    , stop_(stop)
    , store_(env, std::move(on))
    , face_(store_, stop, face)
    , inside_(env, nullptr, limits, face_.handler(), {}, {}, std::move(report)) {}

net::result<std::unique_ptr<net::stream>> embedded_server::connect() {
    if (!connections_ || stop_.stopping())
        return net::make_error_code(net::error::going_away);
    auto ends = net::make_pipe(env_, pipe_bytes);
    connections_->spawn(inside_.serve_stream(std::move(ends.first), stop_));
    return std::move(ends.second);
}

net::task<void> embedded_server::run(std::function<net::task<void>()> also) {
    auto serve = [this, &also](net::task_group& group) -> net::task<void> {
        struct registration {
            net::task_group*& where;
            ~registration() { where = nullptr; }
        };
        const registration until_the_end{connections_ = &group};
        if (also)
            group.spawn(also);
        co_await stop_.begun();
        co_await group.join(); // each connection ends by the stop's deadline
    };
    auto all = [this, &serve](net::task_group& group) -> net::task<void> {
        group.spawn(store_.run());
        co_await net::with_task_group(env_, serve);
        store_.close();
        co_await group.join();
    };
    co_await net::with_task_group(env_, all);
}

net::task<stored<std::unique_ptr<storage>>> open_store_file(net::environment& env,
                                                            std::filesystem::path file) {
    auto open = [&file]() -> stored<std::unique_ptr<storage>> {
        auto opened = sqlite_storage::open(file);
        if (!opened)
            return opened.error();
        return std::unique_ptr<storage>(std::move(*opened));
    };
    co_return co_await net::on_helper(env, std::move(open));
}

net::task<std::optional<server_failure>> run_server(net::environment& env, server_options options,
                                                    net::stop_token stop) {
    using kind = server_failure::kind;
    const auto directory = options.file.parent_path();
    if (!directory.empty())
        if (const auto failed = env.files().create_directories(directory, 0700))
            co_return server_failure{kind::store, directory.string() + ": " + failed.message()};
    std::string holder;
    net::patient_lock wanted{options.file.string() + "-lock", "ringtail local", {}, {}};
    wanted.enough = [stop] { return stop.stopping(); };
    wanted.waiting = [&options](const std::string& by) {
        net::tell(options.report, options.file.string() + " is in use by another server (" + by +
                                      "): waiting a moment, in case that is about to be gone");
    };
    const auto lock = co_await net::lock_patiently(env, std::move(wanted), holder);
    if (!lock)
        co_return server_failure{kind::store, options.file.string() + ": " +
                                                  (lock.error() == net::error::locked
                                                       ? "in use by another server (" + holder + ")"
                                                       : lock.error().message())};
    stored<std::unique_ptr<storage>> on = co_await open_store_file(env, options.file);
    if (!on)
        co_return server_failure{kind::store, on.error().message};
    auto accepting = net::listen_everywhere(env, options.listen);
    if (const auto* failed = std::get_if<net::listen_failure>(&accepting))
        co_return server_failure{kind::listen, failed->at.text() + ": " + failed->why.message()};
    embedded_server server(env, std::move(*on), stop, options.face, options.limits);
    std::vector<std::unique_ptr<net::http_server>> outside;
    for (auto& one : std::get<net::listeners>(accepting))
        outside.push_back(std::make_unique<net::http_server>(env, std::move(one), options.limits,
                                                             server.face().handler(), options.secure,
                                                             options.places, options.report));
    for (const auto& one : outside)
        if (options.on_listening)
            options.on_listening(one->local());
    co_await server.run([&env, &outside, stop] {
        return net::with_task_group(env, [&outside, stop](net::task_group& group) -> net::task<void> {
            for (const auto& one : outside)
                group.spawn(one->serve(stop));
            co_await group.join();
        });
    });
    co_return std::nullopt;
}

} // namespace s2::local
