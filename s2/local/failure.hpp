#pragma once
// Every answer of the store that is not a success: an HTTP status and the body by the letter of §2.4. The
// same pair makes a session's terminal frame and an SSE error event.

#include "s2/local/storage.hpp"

namespace s2::local {

struct failure {
    // A constructor, since an aggregate would be constructible from a lone number, which result<number,
    // failure> refuses.
    failure() = default;

    failure(unsigned with_status, std::string with_code, std::string with_body)
        : status(with_status)
        , code(std::move(with_code))
        , body(std::move(with_body)) {}

    unsigned status = 500;
    std::string code; // empty for 412 and 416, whose bodies carry none
    std::string body; // JSON
};

template <class T>
using outcome = boost::system::result<T, failure>;

// boost::system::result calls this from value() on a failure.
[[noreturn]] void throw_exception_from_error(const failure& what, const boost::source_location& location);

failure standard_failure(unsigned status, std::string_view code, std::string_view message);

failure bad_json(std::string_view message);
failure bad_query(std::string_view message);
failure bad_path(std::string_view message);
failure bad_header(std::string_view message);
failure bad_proto(std::string_view message);
failure bad_frame(std::string_view message);
failure invalid(std::string_view message); // 422
failure not_implemented(std::string_view message);

failure basin_not_found(std::string_view basin);
failure stream_not_found(std::string_view basin, std::string_view stream);
failure basin_exists(std::string_view basin);
failure stream_exists(std::string_view basin, std::string_view stream);
failure basin_deletion_pending(std::string_view basin);
failure stream_deletion_pending();

failure fencing_token_mismatch(std::string_view current);
failure seq_num_mismatch(std::uint64_t assigned);
failure unwritten(stream_position tail); // 416

failure storage_failed(const storage_error& why); // 500, may have been applied
failure unavailable(std::string_view message);    // 503
failure server_draining();                        // 503, nothing was done

std::string json_of(stream_position position); // {"seq_num":…,"timestamp":…}

} // namespace s2::local
