#pragma once
// Who publishes inside the agent's own process, in the place of standard input: `ringtail bench`'s load.

#include "agent/delivery/delivery.hpp"
#include "agent/intake/ndjson.hpp"
#include "agent/session/capture.hpp"

namespace agent {

class producer {
public:
    virtual ~producer() = default;
    // Once, with the capture session started. Its end is the end of input, and runs the teardown.
    virtual net::task<intake_end> publish_all(capture& into, ring& journal, delivery& to,
                                              net::stop_token stop) = 0;
    // Every envelope up to this seq is durable; called when that may have risen, also after the end.
    virtual void durable(seq_t up_to) = 0;
};

} // namespace agent
