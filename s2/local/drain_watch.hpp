#pragma once
// For what lasts: tells it when the stop begins to drain, and again when the grace is over.

#include "s2/local/http_face.hpp"

namespace s2::local {

// Calls `begun` at the drain and `over` after the grace; runs until then, or until it is aborted.
inline net::task<void> watch_drain(http_face& face, std::function<void()> begun, std::function<void()> over) {
    co_await face.stop().begun();
    begun();
    net::environment& env = face.served().env();
    co_await net::sleep_until(env, net::saturating_add(env.now(), face.options().drain_grace));
    over();
}

} // namespace s2::local
