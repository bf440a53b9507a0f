#pragma once
// Takes over a slot file that an earlier version made with fewer slots.

#include "agent/state/slot_file.hpp"

namespace agent {

// Where the file has `from_slots` it has `to_slots` afterwards, with the values that it held: a larger one is
// written beside it, synced, and takes its name. Killed or failing in between, the old one is there, whole;
// what was begun is made anew. error::corrupt where a slot can't be read: that must not be forgotten.
// Blocking.
net::error_code grow_slot_file(net::environment& env, const std::filesystem::path& path,
                               std::size_t from_slots, std::size_t to_slots, std::size_t value_bytes_max);

} // namespace agent
