#pragma once
// Beside the segments the ring's directory holds two small files: "boot", the identity of the boot under
// which the ring was last opened, and "clean", written last by a stop in order. A boot that has no identity
// (a sandbox hides it), now or then, may be another one: without the clean mark the machine counts as dead.
// The price of being wrong is a gap in the numbers; that of the other mistake, numbers given out twice.

#include "agent/ring/types.hpp"
#include "net/environment.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace agent {

struct found_marks {
    bool any = false;
    std::optional<seq_t> clean_to; // the last seq, as an agent that stopped in order wrote it
    bool same_boot = false;
};

class ring_marks {
public:
    ring_marks(net::environment& env, std::filesystem::path dir);

    found_marks read();
    net::error_code write_boot(); // where it is not this one
    // Also one that could not be read: it must not outlive what is published now.
    net::error_code remove_clean();
    net::error_code write_clean(seq_t last_seq);

private:
    net::environment& env_;
    std::filesystem::path dir_;
    std::optional<std::string> boot_; // as it was found
};

} // namespace agent
