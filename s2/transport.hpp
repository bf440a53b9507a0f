#pragma once
// The byte stream below HTTP/2: TCP, and TLS over it for https. The trust anchors are loaded once, on the
// helper thread, when first needed.

#include "net/environment.hpp"

#include <filesystem>
#include <memory>

namespace net {
class tls_trust;
} // namespace net

namespace s2 {

struct trust {
    std::filesystem::path ca_file; // empty: the system's
    bool insecure = false;         // any certificate is taken
};

class transport {
public:
    transport(net::environment& env, trust options);

    // The caller aborts this at the deadline; it bounds connecting only.
    net::task<net::result<std::unique_ptr<net::stream>>> dial(net::url to, net::time_point deadline);

    // Which file is at fault, in words, where the last failure was to load the anchors; else empty.
    const std::string& why() const { return why_; }

private:
    net::task<net::result<std::shared_ptr<net::tls_trust>>> anchors();

    net::environment& env_;
    trust options_;
    std::string why_;
    std::shared_ptr<net::tls_trust> anchors_;
};

} // namespace s2
