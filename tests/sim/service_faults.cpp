#include "tests/sim/service_faults.hpp"

#include "net/assert.hpp"
#include "net/text.hpp"
#include "s2/local/negotiation.hpp"
#include "s2/local/uri.hpp"

#include <array>

namespace sim {
namespace {

bool about_appending(request_kind kind) {
    return kind == request_kind::append_session || kind == request_kind::append;
}

bool about_reading(request_kind kind) {
    return kind == request_kind::read_session || kind == request_kind::read;
}

// Whether one missing permission explains the refusal of both.
bool same_permission(request_kind one, request_kind other) {
    return one == other || (about_appending(one) && about_appending(other)) ||
           (about_reading(one) && about_reading(other));
}

request_kind kind_of(const net::request_head& head, const std::vector<std::string_view>& path) {
    using s2::local::media;
    if (path.size() < 4 || path.at(3) != "records")
        return request_kind::other;
    if (path.size() == 5 && path.at(4) == "tail")
        return request_kind::check_tail;
    const bool session = s2::local::media_of(net::find_field(head.fields, "content-type")) == media::session;
    if (head.method == "POST")
        return session ? request_kind::append_session : request_kind::append;
    const bool events = s2::local::media_of(net::find_field(head.fields, "accept")) == media::event_stream;
    return session || events ? request_kind::read_session : request_kind::read;
}

} // namespace

service_request service_request::of(const net::request_head& head) {
    service_request request;
    const auto path = s2::local::path_segments(head.path());
    request.basin = net::find_field(head.fields, "s2-basin");
    if (path.size() < 3 || path.at(0) != "v1" || path.at(1) != "streams")
        return request;
    request.kind = kind_of(head, path);
    request.stream = request.basin + "/" + net::percent_decoded(path.at(2));
    return request;
}

std::string_view name_of(request_kind kind) {
    switch (kind) {
    case request_kind::append_session:
        return "append session";
    case request_kind::append:
        return "append";
    case request_kind::read_session:
        return "read session";
    case request_kind::read:
        return "read";
    case request_kind::check_tail:
        return "check tail";
    case request_kind::other:
        break;
    }
    return "metadata";
}

void spells::begin(fault which, request_kind met, net::time_point until) {
    NET_ASSERT(is_spell(which), "only refusals last");
    all_.push_back({which, met, until});
}

std::optional<fault> spells::holding(const service_request& met, net::time_point now) const {
    for (const spell& each : all_)
        if (now < each.until && concerns(each.which, met) &&
            (each.which != fault::permission_denied || same_permission(each.met, met.kind)))
            return each.which;
    return std::nullopt;
}

std::optional<fault> service_parts::strike(std::span<const fault> possible) {
    const std::size_t begin = faults.source().below(possible.size());
    for (std::size_t i = 0; i < possible.size(); ++i) {
        const fault which = possible[(begin + i) % possible.size()];
        if (faults.strikes(which))
            return which;
    }
    return std::nullopt;
}

std::optional<fault> service_parts::refusal(const service_request& met) {
    if (faults.healed())
        return std::nullopt;
    if (watch.refusals.forbids(met.stream, env.now()))
        return fault::stream_forbidden;
    if (const auto held = refusals.holding(met, env.now()))
        return held;
    static constexpr std::array possible{fault::token_refused, fault::permission_denied,
                                         fault::basin_missing};
    const auto struck = strike(possible);
    if (struck && !spells::concerns(*struck, met))
        return std::nullopt;
    if (struck) {
        const net::time_point until = env.now() + faults.source().between(spell_min, spell_max);
        refusals.begin(*struck, met.kind, until);
        watch.refusals.add(*struck, env.now(), until);
    }
    return struck;
}

void service_parts::fired(fault which, const service_request& on) {
    faults.fired(which);
    watch.event(name_of(which), on.stream);
}

net::task<> service_parts::slowly(net::duration low, net::duration high) {
    const net::time_point until = env.now() + faults.source().between(low, high);
    co_await net::sleep_until(env, until);
}

s2::local::failure failure_of(fault which, const service_request& on) {
    using s2::local::standard_failure;
    switch (which) {
    case fault::error_500:
        return standard_failure(500, "other", "append dropped midway");
    case fault::error_503:
        return standard_failure(503, "unavailable", "try again");
    case fault::error_504:
        return standard_failure(504, "upstream_timeout", "upstream timeout");
    case fault::rate_limited:
        return standard_failure(429, "rate_limited", "too many requests");
    case fault::server_draining:
        return s2::local::server_draining();
    case fault::token_refused:
        return standard_failure(401, "authn", "invalid access token");
    case fault::permission_denied:
    case fault::stream_forbidden:
        return standard_failure(403, "permission_denied", "the token does not allow this operation");
    case fault::basin_missing:
        return s2::local::basin_not_found(on.basin);
    default:
        NET_ASSERT(false, "this fault is no answer");
    }
    return {};
}

bool means_nothing_applied(fault which) {
    return which == fault::rate_limited || which == fault::server_draining ||
           which == fault::stream_forbidden || spells::is_spell(which);
}

} // namespace sim
