#pragma once
// What the wrappers around the embedded server's face have in common: what a request is, which fault meets
// it, and how a refusal reads.
//
// A spell is a refusal that lasts: once struck, it holds for spell_min to spell_max for every request that it
// concerns (a refused token concerns all, a missing basin those that name one, a missing permission one kind
// of operation), so that a client must wait and heal. Forbidden streams are those of the watch's record.

#include "net/server/http_server.hpp"
#include "s2/local/failure.hpp"
#include "tests/sim/faults.hpp"
#include "tests/sim/service_watch.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sim {

enum class request_kind { append_session, append, read_session, read, check_tail, other };

struct service_request {
    request_kind kind = request_kind::other;
    std::string basin;
    std::string stream; // "basin/name", as watchers are told; empty: it names none

    static service_request of(const net::request_head& head);

    // Reads and metadata leave nothing that a client could miss.
    bool appends() const { return kind == request_kind::append_session || kind == request_kind::append; }
};

std::string_view name_of(request_kind kind);

constexpr net::duration spell_min = std::chrono::milliseconds(200);
constexpr net::duration spell_max = std::chrono::seconds(8);
constexpr net::duration slow_ack_min = std::chrono::milliseconds(1);
constexpr net::duration slow_ack_max = std::chrono::seconds(7);  // beyond what the agent waits, at times
constexpr net::duration late_min = std::chrono::milliseconds(1); // until what a reset left behind is applied
constexpr net::duration late_max = std::chrono::seconds(3);
constexpr std::uint64_t retry_after_ms_max = 2000;

class spells {
public:
    static bool concerns(fault which, const service_request& met) {
        return which != fault::basin_missing || !met.basin.empty();
    }

    static constexpr bool is_spell(fault which) {
        return which == fault::token_refused || which == fault::permission_denied ||
               which == fault::basin_missing;
    }

    void begin(fault which, request_kind met, net::time_point until);
    std::optional<fault> holding(const service_request& met, net::time_point now) const;

private:
    struct spell {
        fault which;
        request_kind met;
        net::time_point until;
    };

    std::vector<spell> all_;
};

// Shared by the face and every request, whose frames may outlive it when a process is killed.
struct service_parts {
    service_parts(net::environment& in, net::http_handler face, fault_table& with, service_watch& told)
        : env(in)
        , inner(std::move(face))
        , faults(with)
        , watch(told) {}

    net::environment& env;
    net::http_handler inner;
    fault_table& faults;
    service_watch& watch;
    std::uint32_t tiny_window = 0; // bytes; 0: not tiny
    bool tiny_window_fired = false;
    spells refusals;
    net::task_group* late = nullptr;                    // while the face runs
    std::map<std::string, std::size_t> append_sessions; // open, by stream

    // At most one fault per opportunity; which of several is asked first is drawn, too.
    std::optional<fault> strike(std::span<const fault> possible);
    // A refusal that holds, or one that begins now.
    std::optional<fault> refusal(const service_request& met);
    // It took effect.
    void fired(fault which, const service_request& on);
    net::task<> slowly(net::duration low, net::duration high); // a drawn time passes
};

using parts_ptr = std::shared_ptr<service_parts>;

// The answer that a fault stands for (§2.4): an HTTP status and its JSON, or a terminal frame's.
s2::local::failure failure_of(fault which, const service_request& on);
// Its code promises that nothing of what it answers was applied.
bool means_nothing_applied(fault which);

} // namespace sim
