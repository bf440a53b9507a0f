#pragma once
// Connecting, behind environment::dial.

#include "net/environment.hpp"
#include "net/system/helper_thread.hpp"

namespace net {

task<result<std::unique_ptr<stream>>> system_dial(environment& env, system_helper_thread& resolver,
                                                  endpoint to, time_point deadline);

} // namespace net
