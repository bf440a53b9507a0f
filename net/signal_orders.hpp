#pragma once
// What a signal from outside means (signal(7)). Those of a process's own faults (SIGSEGV, SIGABRT and their
// like), SIGKILL, and those that only stop and go on, keep their usual course. Which are reported:
// net/system_signals.

#include <csignal>

namespace net {

enum class signal_order {
    leave,   // in order
    reload,  // read again what others keep for us
    nothing, // it was meant for somebody else, and must not kill
};

class signal_orders {
public:
    // A terminal that goes takes with it who runs on it; everywhere else SIGHUP is the order to reload.
    explicit signal_orders(bool on_terminal)
        : on_terminal_(on_terminal) {}

    signal_order take(int signal) {
        switch (signal) {
        case SIGTERM:
        case SIGINT:
        case SIGQUIT:
        case SIGPWR: // the machine's power fails
            return signal_order::leave;
        case SIGHUP:
            return on_terminal_ ? once(hung_up_) : signal_order::reload;
        case SIGXCPU: // each second from RLIMIT_CPU on, until the kernel kills
            return once(out_of_time_);
        default:
            return signal_order::nothing;
        }
    }

private:
    // Shell and kernel both tell of a terminal that is gone. A second order to leave would not wait for S2.
    static signal_order once(bool& said) {
        const bool again = said;
        said = true;
        return again ? signal_order::nothing : signal_order::leave;
    }

    bool on_terminal_;
    bool hung_up_ = false;
    bool out_of_time_ = false;
};

} // namespace net
