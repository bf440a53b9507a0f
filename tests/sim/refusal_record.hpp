#pragma once
// Which refusals held when, over all server processes: what a checker needs to tell what could move from what could
// not. And the streams that are forbidden for a while, beside others that work.

#include "net/clock.hpp"
#include "tests/sim/faults.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

class refusal_record {
public:
    // A spell of the service's; `stream` ("basin/name"): of a forbidden one only.
    void add(fault which, net::time_point from, net::time_point until, std::string stream = {}) {
        all_.push_back({which, from, until, std::move(stream)});
    }

    bool forbids(std::string_view stream, net::time_point now) const {
        return any(now, now, [stream](const spell& each) {
            return each.which == fault::stream_forbidden && each.stream == stream;
        });
    }

    // Everything that the sink has: a refused token, no basin.
    bool sink_refused(net::time_point from, net::time_point to) const {
        return any(from, to, [](const spell& each) {
            return each.which == fault::token_refused || each.which == fault::basin_missing;
        });
    }

    // Either that, or this stream, or one kind of operation on every stream.
    bool refused(std::string_view stream, net::time_point from, net::time_point to) const {
        return any(from, to, [stream](const spell& each) {
            return each.which != fault::stream_forbidden || each.stream == stream;
        });
    }

private:
    struct spell {
        fault which;
        net::time_point from;
        net::time_point until;
        std::string stream;
    };

    template <class Wanted>
    bool any(net::time_point from, net::time_point to, const Wanted& wanted) const {
        return std::any_of(all_.begin(), all_.end(), [&](const spell& each) {
            return each.from <= to && from < each.until && wanted(each);
        });
    }

    std::vector<spell> all_;
};

} // namespace sim
