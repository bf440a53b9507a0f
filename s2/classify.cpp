// Which failure asks for what: one table over every status and code of §2.4, and rules for what is not in it.

#include "s2/error.hpp"

#include <array>

namespace s2 {
namespace {

struct row {
    unsigned status;
    std::string_view code;
    verdict asks_for;
};

// A row counts only where status and code agree. `retry` says that nothing landed, `retry_ambiguous` that it
// may have.
constexpr std::array rows{
    row{400, "bad_json", verdict::fatal},
    row{400, "bad_query", verdict::fatal},
    row{400, "bad_path", verdict::fatal},
    row{400, "bad_header", verdict::fatal},
    row{400, "bad_proto", verdict::fatal},
    row{400, "bad_frame", verdict::fatal},
    row{400, "decryption_failed", verdict::fatal},
    row{401, "authn", verdict::park_sink},
    row{403, "permission_denied", verdict::park_stream},
    row{403, "quota_exhausted", verdict::park_sink},
    row{404, "basin_not_found", verdict::park_sink},
    row{404, "stream_not_found", verdict::not_found},
    row{404, "access_token_not_found", verdict::fatal},
    row{408, "request_timeout", verdict::retry_ambiguous},
    row{409, "resource_already_exists", verdict::exists},
    row{409, "basin_deletion_pending", verdict::park_sink},
    row{409, "stream_deletion_pending", verdict::gone},
    row{409, "transaction_conflict", verdict::retry},
    row{422, "invalid", verdict::fatal},
    row{429, "rate_limited", verdict::retry},
    row{499, "client_hangup", verdict::retry_ambiguous},
    row{500, "other", verdict::retry_ambiguous},
    row{500, "storage", verdict::retry_ambiguous},
    row{501, "not_implemented", verdict::fatal},
    row{502, "hot_server", verdict::retry},
    row{503, "server_draining", verdict::retry},
    row{503, "unavailable", verdict::retry_ambiguous},
    row{504, "upstream_timeout", verdict::retry_ambiguous},
};

// A code we don't know, or none: an intermediary, or a newer server. Never a promise that nothing landed.
verdict by_status(unsigned status) {
    switch (status) {
    case 401: // no token, or a bad one, in whatever words
    case 403: // refused by somebody in front of S2
    case 404: // whoever answers there does not speak S2
        return verdict::park_sink;
    case 408:
    case 429:
        return verdict::retry_ambiguous;
    case 416:
        return verdict::range;
    case 501:
    case 505:
        return verdict::fatal;
    default:
        return status >= 500 && status <= 599 ? verdict::retry_ambiguous : verdict::fatal;
    }
}

verdict classify_api(const error& failure) {
    for (const auto& each : rows)
        if (each.status == failure.status && each.code == failure.code)
            return each.asks_for;
    return by_status(failure.status);
}

} // namespace

verdict classify(const error& failure) {
    switch (failure.what) {
    case error::kind::transport:
        if (net::is_cancelled(failure.transport))
            return verdict::cancelled;
        return failure.sent ? verdict::retry_ambiguous : verdict::retry;
    case error::kind::api:
        return classify_api(failure);
    case error::kind::condition:
        return verdict::condition_failed;
    case error::kind::range:
        return verdict::range;
    case error::kind::credentials:
        return verdict::park_sink;
    case error::kind::protocol:
    case error::kind::invalid:
        break;
    }
    return verdict::fatal;
}

std::string_view name_of(verdict value) {
    switch (value) {
    case verdict::cancelled:
        return "cancelled";
    case verdict::retry:
        return "retry";
    case verdict::retry_ambiguous:
        return "retry_ambiguous";
    case verdict::condition_failed:
        return "condition_failed";
    case verdict::range:
        return "range";
    case verdict::not_found:
        return "not_found";
    case verdict::gone:
        return "gone";
    case verdict::exists:
        return "exists";
    case verdict::park_sink:
        return "park_sink";
    case verdict::park_stream:
        return "park_stream";
    case verdict::fatal:
        return "fatal";
    }
    return "unknown";
}

} // namespace s2
