#pragma once
// The byte stream below HTTP/2: TCP, and TLS over it for https. The trust anchors are loaded once, when first
// needed.

#include "net/environment.hpp"

#include <filesystem>
#include <memory>

namespace s2 {

struct trust {
    std::filesystem::path ca_file; // empty: the system's
    bool insecure = false;
};

class transport {
public:
    transport(net::environment& env, trust options);
    ~transport();

    net::task<net::result<std::unique_ptr<net::stream>>> dial(net::url to, net::time_point deadline);

private:
    class anchors;
    net::environment& env_;
    trust options_;
    std::shared_ptr<anchors> anchors_;
};

} // namespace s2
