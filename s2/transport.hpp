#pragma once
// The byte stream below HTTP/2: TCP, and TLS over it for https. The trust anchors are loaded on the helper
// thread when first needed, and by a connection that finds their file changed.

#include "net/environment.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

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

    // The caller aborts this at the deadline; it bounds connecting only. Where it fails to load the anchors,
    // `why` then says which file is at fault.
    net::task<net::result<std::unique_ptr<net::stream>>> dial(net::url to, net::time_point deadline,
                                                              std::string& why);

private:
    // Made on the helper thread, which touches nothing else.
    struct loaded_anchors {
        net::error_code failed;
        std::string why;
        std::shared_ptr<net::tls_trust> trust;
    };

    static loaded_anchors load(const trust& options);
    net::task<loaded_anchors> anchors();

    net::environment& env_;
    trust options_;
    std::shared_ptr<net::tls_trust> anchors_;
    std::optional<std::string> fingerprint_; // of what anchors_ were read from
};

} // namespace s2
