#pragma once
// One unary request and its answer, as client.cpp sends them and client_calls.cpp makes and reads them.

#include "net/endpoint.hpp"
#include "net/http/message.hpp"
#include "s2/endpoints.hpp"

#include <string>

namespace s2 {

// Behind the base's path; names are encoded.
inline std::string basin_path(std::string_view name) {
    return "/basins/" + encode_segment(name);
}

inline std::string stream_path(std::string_view name) {
    return "/streams/" + encode_segment(name);
}

inline std::string records_path(std::string_view name) {
    return stream_path(name) + "/records";
}

struct unary_call {
    std::string method;
    net::url base;
    std::string path; // behind the base's
    std::string query;
    net::http_fields fields;
    std::string body;

    std::string context() const {
        return method + " " + path + " at " + base.authority();
    } // for an error's text
};

struct unary_answer {
    unsigned status = 0;
    net::http_fields fields;
    std::string body; // decompressed
};

} // namespace s2
