#pragma once
// One call to a running agent's API (HTTP/1.1 on TCP or on a Unix socket), for the commands that need one.

#include "agent/commands/command.hpp"
#include "net/endpoint.hpp"
#include "net/http/message.hpp"

#include <filesystem>
#include <string>

namespace agent::commands {

struct api_address {
    net::endpoint at;
    std::string authority; // for Host
    std::string token;     // of --api-token-file; empty: none
};

// The flags --api, --state-dir and --api-token-file.
class api_flags {
public:
    explicit api_flags(CLI::App& app);
    // --api, RINGTAIL_API, or the address in <state-dir>/status.json. An error: why there is none.
    std::variant<api_address, config_error> address(const invocation& given, const config& from) const;

    // The settings that these commands share with `ringtail run`.
    const setting_flags& settings() const { return settings_; }

private:
    setting_flags settings_;
    std::string api_;
    CLI::Option* option_;
};

struct api_answer {
    unsigned status = 0;
    std::string body;
};

constexpr std::uint64_t api_answer_bytes_max = 64 * 1024 * 1024;

// error::timed_out at the deadline; a refused connection means that no agent is there.
net::task<net::result<api_answer>> call_agent(net::environment& env, api_address to, net::request_head head,
                                              std::string body, net::time_point deadline);

// The "message" and "hint" of an API error's body, else the body itself.
std::string api_error_text(const api_answer& answer);
// "no agent at 127.0.0.1:10001 (connection refused): …"
std::string no_agent_text(const api_address& at, const net::error_code& why);

} // namespace agent::commands
