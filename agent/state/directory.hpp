#pragma once
// Everything of one state directory, opened in its order: the lock, the seq ceiling, the ring, the session
// table, the delivery state. What can't be opened says what, where and what to do; the agent then exits with
// 5.

#include "agent/config/config.hpp"
#include "agent/ring/ring.hpp"
#include "agent/state/delivery_table.hpp"
#include "agent/state/seq_ceiling.hpp"
#include "agent/state/session_table.hpp"

#include <memory>
#include <string>
#include <variant>

namespace agent {

struct state_dir {
    std::unique_ptr<net::file_lock> lock; // none without a directory
    std::unique_ptr<seq_ceiling> ceiling;
    std::unique_ptr<ring> journal;
    std::unique_ptr<session_table> sessions;
    std::unique_ptr<delivery_table> deliveries;
    ring_recovery recovery;
};

struct state_dir_error {
    std::string message;
};

// Until no other agent holds it, or for as long as a killed predecessor may take to be gone, or enough().
net::task<> wait_for_state_dir(net::environment& env, const std::filesystem::path& dir,
                               std::function<bool()> enough);

// Blocking: before the loop serves anything. Without a directory everything is in memory.
std::variant<std::unique_ptr<state_dir>, state_dir_error> open_state_dir(net::environment& env,
                                                                         const config& from);

// Whether it was removed or moved away since it was opened. Another agent may have made a new one in its
// place: nothing is to be written into that. What can't be told is not lost.
bool state_dir_lost(net::environment& env, const std::filesystem::path& dir);

} // namespace agent
