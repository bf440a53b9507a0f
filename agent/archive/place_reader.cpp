#include "agent/archive/place_reader.hpp"

#include "net/server/http_server.hpp"
#include "net/task/pipe.hpp"
#include "s2/local/http_face.hpp"
#include "s2/local/sqlite_storage.hpp"
#include "s2/local/store.hpp"

namespace agent {
namespace {

constexpr std::size_t pipe_bytes = 1024 * 1024;

} // namespace

// The store's run() is left out: it commits and expires, and nothing of that is a reader's.
struct embedded_archive::parts {
    parts(net::environment& env, std::unique_ptr<s2::local::storage> on)
        : store(env, std::move(on))
        , stop(env)
        , face(store, stop)
        , server(env, nullptr, net::http_limits{}, face.handler()) {}

    s2::local::store store;
    net::stop_source stop;
    s2::local::http_face face;
    net::http_server server;
};

std::variant<std::unique_ptr<embedded_archive>, std::string>
embedded_archive::open(net::environment& env, const std::filesystem::path& state_dir) {
    const auto file = state_dir / embedded_store_file;
    if (state_dir.empty() || !env.files().exists(file))
        return "there is no embedded store in " + (state_dir.empty() ? "memory" : state_dir.string()) +
               "; give the agent's --state-dir";
    s2::local::sqlite_storage::options how;
    how.read_only = true;
    auto storage = s2::local::sqlite_storage::open(file, how);
    if (!storage)
        return "cannot read the embedded store " + file.string() + ": " + storage.error().message;
    auto made = std::unique_ptr<embedded_archive>(new embedded_archive);
    made->parts_ = std::make_unique<parts>(env, std::move(*storage));
    return made;
}

embedded_archive::~embedded_archive() = default;

s2::dial_function embedded_archive::dialer(net::task_group& group) {
    return [this, &group](net::time_point) -> net::task<net::result<std::unique_ptr<net::stream>>> {
        auto ends = net::make_pipe(group.env(), pipe_bytes);
        group.spawn(parts_->server.serve_stream(std::move(ends.second), parts_->stop));
        co_return std::move(ends.first);
    };
}

std::variant<std::unique_ptr<place_reader>, std::string>
place_reader::open(net::task_group& group, const place& at, const config& from, embedded_archive* archive) {
    auto made = std::unique_ptr<place_reader>(new place_reader);
    s2::connector_options options;
    options.ca_file = from.s2.ca_file;
    options.proxy = from.s2.proxy;
    options.insecure = from.s2.insecure;
    options.connect_timeout = from.delivery.connect_timeout;
    s2::endpoints where;
    if (at.embedded()) {
        options.dial = archive->dialer(group);
        const auto local = s2::endpoints::parse("http://embedded", "http://embedded");
        where = *local;
    } else {
        const auto parsed = s2::endpoints::parse(at.account_endpoint, at.basin_endpoint);
        if (!parsed)
            return parsed.error().text();
        where = *parsed;
        if (!from.s2.token_file.empty())
            made->token_ = s2::credentials(group.env(), from.s2.token_file);
        else if (!from.s2.token.empty())
            made->token_ = s2::credentials(from.s2.token);
    }
    made->connector_ = std::make_unique<s2::connector>(group, std::move(where), std::move(options));
    made->client_ = std::make_unique<s2::client>(*made->connector_, made->token_, at.basin);
    return made;
}

} // namespace agent
