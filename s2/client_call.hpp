#pragma once
// One unary request and its answer, as client.cpp sends them and client_calls.cpp makes and reads them.

#include "net/endpoint.hpp"
#include "net/http.hpp"

#include <string>

namespace s2 {

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
