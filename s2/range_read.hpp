#pragma once
// Everything of a stream from one seq_num up to another, with what is no longer there said explicitly: a
// server skips trimmed and expired records silently (§2.6). For replay and recovery. Reconnects as a read
// session does.

#include "s2/read_session.hpp"

#include <variant>

namespace s2 {

struct missing_records {
    std::uint64_t from;
    std::uint64_t to; // exclusive
};

struct end_of_range {};

class range_read {
public:
    // [from, to). The stream has reached `to` (the caller has seen its tail): a read that ends before it has
    // found the rest missing.
    range_read(client& of, std::string stream, std::uint64_t from, std::uint64_t to,
               read_session_options options = {});

    using part = std::variant<std::vector<sequenced_record>, missing_records, end_of_range>;
    // In order, covering the range without holes. After a deadline that passed it goes on where it was.
    net::task<result<part>> next(net::time_point deadline = net::never);

    std::uint64_t position() const { return at_; } // everything below it was given

private:
    part take(std::vector<sequenced_record> records);

    std::uint64_t at_;
    std::uint64_t to_;
    std::optional<read_session> session_; // none for an empty range
    std::vector<sequenced_record> held_;  // behind a gap that was given first
};

} // namespace s2
