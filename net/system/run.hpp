#pragma once
// One task in the real world: a loop, its environment, and nothing left behind when it returns.

#include "net/environment.hpp"
#include "net/signal_orders.hpp"

#include <functional>

namespace net {

// Runs the task to its end and returns then; what it throws is thrown here. `on_order`: called on the loop
// for each signal that is an order, to leave or to reload (net/signal_orders), and no other kills; without it
// all keep their default effect.
void run_system(std::function<task<void>(environment&)> body,
                std::function<void(signal_order what)> on_order = {});

} // namespace net
