#pragma once
// A task whose failure concerns nobody else, such as one of many connections.

#include "net/report.hpp"
#include "net/result.hpp"

namespace net {

// Runs it to its end. An exception that is no abort is reported, as "`what`: …", and goes no further.
task<void> contained(task<void> body, std::string what, report_function report);

} // namespace net
