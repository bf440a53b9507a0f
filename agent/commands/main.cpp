// The program: secrets out of sight first, then the command.

#include "agent/commands/command.hpp"
#include "agent/host/process.hpp"
#include "net/system/descriptor.hpp"
#include "net/system/output.hpp"
#include "net/system/signals.hpp"

#include <exception>
#include <string>

int main(int argc, char** argv) {
    net::fill_standard_descriptors();
    agent::taken_environment environment = agent::take_environment();
    agent::protect_memory(environment.plain);
    agent::share_heap();
    net::fail_calls_instead_of_signals();
    net::reap_children();
    try {
        return static_cast<int>(agent::commands::dispatch(
            {argv + 1, argv + argc}, std::move(environment.plain), std::move(environment.secrets)));
    } catch (const std::exception& failed) {
        net::tell_standard_error("ringtail: " + std::string(failed.what()) + "\n");
        return static_cast<int>(agent::exit_code::failure);
    }
}
