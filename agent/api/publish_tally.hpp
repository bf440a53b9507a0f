#pragma once
// What became of the lines of one NDJSON publish, and the answer that follows from it.

#include "agent/api/call.hpp"
#include "agent/session/capture.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace agent {

constexpr std::size_t publish_errors_max = 100; // listed; all are counted

// How the body ended: as it should, or so that what came behind was not read.
enum class body_end { whole, too_large, broken, broken_encoding, stalled };

class publish_tally {
public:
    void add(std::uint64_t line, const publish_outcome& outcome);
    void refuse(std::uint64_t line, std::string_view code, std::string_view message);

    // What came before stands.
    void end_early(body_end how) { end_ = how; }

    // 200 unless all were refused: 409 when all for want of a session, 503 when all for want of room, else
    // 400. Of a body that ended early: 413, 408 or 400.
    unsigned status() const;
    // {"accepted","filtered","refused","first_seq","last_seq","errors"}, and "error" unless the status is
    // 200.
    boost::json::object answer() const;

private:
    std::uint64_t accepted_ = 0;
    std::uint64_t filtered_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t refused_no_session_ = 0;
    std::uint64_t refused_no_room_ = 0;
    std::string no_room_; // the first such refusal's message
    std::optional<seq_t> first_seq_;
    std::optional<seq_t> last_seq_;
    boost::json::array errors_;
    body_end end_ = body_end::whole;
};

// The answer to one event that was refused, by its code.
api_error to_api_error(const publish_refused& refused);

} // namespace agent
