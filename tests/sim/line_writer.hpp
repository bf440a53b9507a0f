#pragma once
// A program that writes NDJSON into an intake: in pieces cut anywhere, good lines among bad ones and some that
// the session's categories leave out. What it writes stands in the ledger before its first byte leaves.

#include "tests/sim/api_caller.hpp"

namespace sim {

class line_writer {
public:
    // The account of what is written is begun in the ledger.
    line_writer(process& env, caller_context& context, net::stream& to, draw source);

    // Some lines; false: nobody reads any more.
    net::task<bool> burst();
    // The end of input behind the last line; or the program dies within one.
    net::task<> end();
    // Bursts and pauses until then; false: nobody reads any more.
    net::task<bool> write_until(net::time_point when, const bool& stopped);

    line_input& account() { return account_; }

private:
    void add_line(std::string& text);
    net::task<bool> write(std::string text);

    process& env_;
    caller_context& context_;
    net::stream& to_;
    draw source_;
    line_input& account_;
};

} // namespace sim
