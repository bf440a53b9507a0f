#include "agent/delivery/embedded_store.hpp"

#include "agent/delivery/history.hpp"
#include "s2/local/sqlite_storage.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

namespace agent {
namespace {

constexpr std::size_t history_page = 64; // sessions looked at in it at one time

std::vector<std::string> stream_names(const session_record& session) {
    std::vector<std::string> names;
    for (const auto& part : session.parts)
        if (part.at.embedded())
            names.push_back(part.stream);
    return names;
}

} // namespace

std::variant<std::unique_ptr<embedded_store>, std::string>
embedded_store::open(net::environment& env, const std::filesystem::path& state_dir) {
    const std::filesystem::path file = state_dir.empty() ? ":memory:" : state_dir / embedded_store_file;
    auto storage = s2::local::sqlite_storage::open(file);
    if (!storage)
        return "cannot open the embedded store " + file.string() + ": " + storage.error().message +
               "; move the file aside to start afresh, or choose another --state-dir";
    return std::unique_ptr<embedded_store>(new embedded_store(env, std::move(*storage)));
}

embedded_store::embedded_store(net::environment& env, std::unique_ptr<s2::local::storage> on)
    : env_(env)
    , stop_(env)
    , server_(env, std::move(on), stop_, {}, {},
              [](const std::string& line) { spdlog::error("embedded store: {}", line); }) {
    server_.served().keep_all_ages();
}

embedded_store::~embedded_store() = default;

s2::dial_function embedded_store::dialer() {
    return [this](net::time_point) -> net::task<net::result<std::unique_ptr<net::stream>>> {
        co_return server_.connect();
    };
}

net::task<std::optional<std::string>> embedded_store::prepare() {
    s2::local::basin_config config;
    config.create_stream_on_append = true;
    const auto made = co_await server_.served().ensure_basin(std::string(embedded_basin), std::move(config));
    if (made)
        co_return std::nullopt;
    co_return "cannot use the embedded store: " + made.error().body;
}

net::task<> embedded_store::run() {
    co_await server_.run();
}

void embedded_store::close() {
    stop_.drain(env_.now());
}

// False: nothing of it was there.
net::task<bool> embedded_store::remove_session(session_record session) {
    bool found = false;
    for (const auto& name : stream_names(session)) {
        const auto removed = co_await server_.served().delete_stream(std::string(embedded_basin), name);
        found = found || removed.has_value();
    }
    co_return found;
}

net::task<bool> embedded_store::keep_within(std::uint64_t capacity_bytes, const session_table& sessions,
                                            history& past,
                                            std::function<bool(const session_record&)> may_go) {
    const auto bytes = co_await server_.served().bytes();
    if (!bytes || *bytes <= capacity_bytes)
        co_return false;
    auto candidates = co_await past.oldest_in_store(history_page); // oldest first
    const std::size_t from_history = candidates.size();
    for (const auto& session : sessions.all())
        if (!session.active && may_go(session) && !stream_names(session).empty())
            candidates.push_back(session);
    std::set<std::string> in_use; // streams that others of them may share
    for (const auto& session : sessions.all())
        if (session.active || !may_go(session))
            for (auto& name : stream_names(session))
                in_use.insert(std::move(name));
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto& session = candidates[i];
        if (i < from_history && sessions.find(session.id))
            continue; // it came back
        const auto names = stream_names(session);
        if (std::any_of(names.begin(), names.end(), [&](const auto& name) { return in_use.contains(name); }))
            continue;
        const bool removed = co_await remove_session(session);
        if (i < from_history)
            co_await past.left_store(session.id);
        if (!removed)
            continue;
        spdlog::warn("the embedded store holds {} bytes, more than --store-capacity: capture session {} was "
                     "removed from it",
                     *bytes, session.id);
        co_return true; // its records go piece by piece; whether more must go is seen the next time
    }
    co_return false;
}

} // namespace agent
