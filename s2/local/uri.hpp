#pragma once
// The parts of a request target: path segments decoded after routing, so that %2F stays inside a name (§1.1),
// and query parameters as forms encode them.

#include "s2/local/failure.hpp"

#include <map>

namespace s2::local {

// "/v1/streams/a%2Fb/records" → v1, streams, a%2Fb, records: still encoded. A trailing slash gives an empty
// last one.
std::vector<std::string_view> path_segments(std::string_view path);

class query_parameters {
public:
    explicit query_parameters(std::string_view query);

    // Nothing: absent. What does not parse, or occurs twice, becomes the failure (the first one; §2.4
    // bad_query).
    std::optional<std::string> text(const std::string& name);
    std::optional<std::uint64_t> number(const std::string& name);
    std::optional<std::uint32_t> small_number(const std::string& name);
    std::optional<bool> boolean(const std::string& name);

    const std::optional<failure>& failed() const { return failed_; }

    void refuse(const std::string& name, std::string_view why);

private:
    std::multimap<std::string, std::string> values_;
    std::optional<failure> failed_;
};

} // namespace s2::local
