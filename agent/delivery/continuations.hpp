#pragma once
// Streams that were lost to another writer, and those that go on for them (product, invariant 9).
//
// 1. A lost stream is never appended to again. The verdict, the continuation's name and the parts of the
//    sessions that go on there are stored and synced before its first byte.
// 2. While the table of streams is full of what is owed, the verdict stands and its sessions wait, visibly,
//    for a slot.

#include "agent/delivery/standing.hpp"
#include "agent/delivery/stream_placement.hpp"

#include <map>
#include <string>

namespace agent {

class continuations {
public:
    using entry = delivery_table::entry;

    continuations(net::environment& env, session_table& sessions, delivery_table& deliveries,
                  const owed_streams& owed, stream_placement& placement);

    void lost(entry& stream, const std::string& reason); // the verdict; what follows from it is go_on()'s
    // Gives each lost stream that is still of use its continuation, where a slot is free. To be called again
    // whenever delivery has moved. True: who waits for a slot has changed.
    bool go_on();
    // After a restart: the parts that a crash in the middle left out, of streams of other places as well.
    void recover();

    // Lost streams whose continuation waits for a slot.
    const std::map<std::string, stream_parked>& without_slot() const { return without_slot_; }

    // One of them: others that are delivered make room for it.
    const stream_parked* waits_for_slot(const delivery_state& state) const;

private:
    std::string name_for(const delivery_state& lost) const;
    void continue_sessions(const delivery_state& lost);
    bool is_needed(const entry& lost) const;
    const session_record* first_behind(const delivery_state& lost, seq_t from) const;
    bool go_on_from(entry& lost);

    net::environment& env_;
    session_table& sessions_;
    delivery_table& deliveries_;
    const owed_streams& owed_;
    stream_placement& placement_;
    std::map<std::string, stream_parked> without_slot_;
};

} // namespace agent
