#pragma once
// How parts below the agent say something in the log, of which they know nothing.

#include <functional>
#include <string>

namespace net {

using report_function = std::function<void(const std::string& line)>;

inline void tell(const report_function& report, const std::string& line) {
    if (report)
        report(line);
}

} // namespace net
