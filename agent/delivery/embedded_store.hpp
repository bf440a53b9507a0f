#pragma once
// The embedded store inside `ringtail run`: s2::local over a file of the state directory, reached over an
// in-process byte stream by the same client code as the real S2 (product: Embedded store).

#include "agent/state/session_table.hpp"
#include "net/task/stop_token.hpp"
#include "s2/connector.hpp"
#include "s2/local/server.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace agent {

class history;

constexpr std::string_view embedded_basin = "ringtail";

class embedded_store {
public:
    // Without a state directory the store is in memory. Blocking. The text of a failure says what and where.
    static std::variant<std::unique_ptr<embedded_store>, std::string>
    open(net::environment& env, const std::filesystem::path& state_dir);
    ~embedded_store();

    // Makes connections to it, for a connector; only while run() is running.
    s2::dial_function dialer();
    // The basin exists, and streams come to be on append. What failed, in words.
    net::task<std::optional<std::string>> prepare();
    // Until close(): then what was accepted is committed and the file is closed.
    net::task<> run();
    void close();

    // Over the capacity the oldest session that has ended and owes nothing loses its streams here, those of
    // the history first: one per call, true if one did.
    net::task<bool> keep_within(std::uint64_t capacity_bytes, const session_table& sessions, history& past,
                                std::function<bool(const session_record&)> may_go);

private:
    embedded_store(net::environment& env, std::unique_ptr<s2::local::storage> on);
    net::task<bool> remove_session(session_record session);

    net::environment& env_;
    net::stop_source stop_;
    s2::local::embedded_server server_;
};

} // namespace agent
