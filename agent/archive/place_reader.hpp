#pragma once
// A place opened for reading: a basin behind its endpoints, or the embedded store of a state directory,
// opened read-only in this process and reached over a pipe by the same client code. The agent may write to it
// meanwhile.

#include "agent/config/config.hpp"
#include "agent/state/session_table.hpp"
#include "net/task/task_group.hpp"
#include "s2/client.hpp"
#include "s2/connector.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <variant>

namespace agent {

// The embedded store's file as a server in this process. What it opened is what it shows: a later tail needs
// a new one. Its connections run in a task group that it outlives.
class embedded_archive {
public:
    static std::variant<std::unique_ptr<embedded_archive>, std::string>
    open(net::environment& env, const std::filesystem::path& state_dir);
    ~embedded_archive();
    s2::dial_function dialer(net::task_group& group);

private:
    struct parts;
    embedded_archive() = default;
    std::unique_ptr<parts> parts_;
};

// A client of the place; it lives inside `group`. A text: why there is none. `archive` is used where the
// place is the embedded store.
class place_reader {
public:
    static std::variant<std::unique_ptr<place_reader>, std::string>
    open(net::task_group& group, const place& at, const config& from, embedded_archive* archive);

    s2::client& basin() { return *client_; }

    s2::connector& connections() { return *connector_; }

    s2::credentials& token() { return token_; }

private:
    place_reader() = default;

    s2::credentials token_;
    std::unique_ptr<s2::connector> connector_;
    std::unique_ptr<s2::client> client_;
};

} // namespace agent
