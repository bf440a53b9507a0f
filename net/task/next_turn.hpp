#pragma once
// For who would go on for long: the loop's other work gets its turn.

#include "net/environment.hpp"

namespace net {

task<> next_turn(environment& env);

} // namespace net
