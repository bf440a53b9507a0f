#include "net/task/contained.hpp"

#include <boost/system/system_error.hpp>

namespace net {

task<void> contained(task<void> body, std::string what, report_function report) {
    try {
        co_await std::move(body);
    } catch (const boost::system::system_error& failure) {
        if (is_cancelled(failure.code()))
            throw;
        tell(report, what + ": " + failure.what());
    } catch (const std::exception& failure) {
        tell(report, what + ": " + failure.what());
    } catch (...) {
        tell(report, what + ": an exception of an unknown kind");
    }
}

} // namespace net
