#include "s2/local/failure.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <stdexcept>

namespace s2::local {
namespace {

std::string quoted(std::string_view name) {
    return "`" + std::string(name) + "`";
}

} // namespace

void throw_exception_from_error(const failure& what, const boost::source_location&) {
    throw std::runtime_error(what.body);
}

failure standard_failure(unsigned status, std::string_view code, std::string_view message) {
    boost::json::object body;
    body["code"] = code;
    body["message"] = message;
    return {status, std::string(code), boost::json::serialize(body)};
}

failure bad_json(std::string_view message) {
    return standard_failure(400, "bad_json", message);
}

failure bad_query(std::string_view message) {
    return standard_failure(400, "bad_query", message);
}

failure bad_path(std::string_view message) {
    return standard_failure(400, "bad_path", message);
}

failure bad_header(std::string_view message) {
    return standard_failure(400, "bad_header", message);
}

failure bad_proto(std::string_view message) {
    return standard_failure(400, "bad_proto", message);
}

failure bad_frame(std::string_view message) {
    return standard_failure(400, "bad_frame", message);
}

failure invalid(std::string_view message) {
    return standard_failure(422, "invalid", message);
}

failure not_implemented(std::string_view message) {
    return standard_failure(501, "not_implemented", message);
}

failure basin_not_found(std::string_view basin) {
    return standard_failure(404, "basin_not_found", "basin " + quoted(basin) + " not found");
}

failure stream_not_found(std::string_view basin, std::string_view stream) {
    return standard_failure(404, "stream_not_found",
                            "stream " + quoted(stream) + " in basin " + quoted(basin) + " not found");
}

failure basin_exists(std::string_view basin) {
    return standard_failure(409, "resource_already_exists", "basin " + quoted(basin) + " already exists");
}

failure stream_exists(std::string_view basin, std::string_view stream) {
    return standard_failure(409, "resource_already_exists",
                            "stream " + quoted(stream) + " in basin " + quoted(basin) + " already exists");
}

failure basin_deletion_pending(std::string_view basin) {
    return standard_failure(409, "basin_deletion_pending", "basin " + quoted(basin) + " is being deleted");
}

failure stream_deletion_pending() {
    return standard_failure(409, "stream_deletion_pending", "stream deletion pending");
}

failure fencing_token_mismatch(std::string_view current) {
    boost::json::object body;
    body["fencing_token_mismatch"] = current;
    return {412, {}, boost::json::serialize(body)};
}

failure seq_num_mismatch(std::uint64_t assigned) {
    return {412, {}, "{\"seq_num_mismatch\":" + std::to_string(assigned) + "}"};
}

failure unwritten(stream_position tail) {
    return {416, {}, "{\"tail\":" + json_of(tail) + "}"};
}

failure storage_failed(const storage_error& why) {
    return standard_failure(500, "storage", why.message);
}

failure unavailable(std::string_view message) {
    return standard_failure(503, "unavailable", message);
}

failure server_draining() {
    return standard_failure(503, "server_draining", "the server is about to stop");
}

std::string json_of(stream_position position) {
    return "{\"seq_num\":" + std::to_string(position.seq_num) +
           ",\"timestamp\":" + std::to_string(position.timestamp) + "}";
}

} // namespace s2::local
