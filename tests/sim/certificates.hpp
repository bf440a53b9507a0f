#pragma once
// Who the simulated service is over TLS, who somebody is that nobody vouches for, and whom the agents trust.
// Made once per program. The keys are Ed25519: their signatures have one size, so that what is on the wire has
// the same size in every life of a seed, whatever OpenSSL draws.

#include "net/tls/tls.hpp"

#include <filesystem>
#include <memory>
#include <string_view>

namespace sim {

constexpr std::string_view service_host = "s2.sim";

struct certificates {
    std::shared_ptr<net::tls_identity> service;
    std::shared_ptr<net::tls_identity> stranger; // for the same host, by its own word
    std::filesystem::path trusted;               // PEM: the service's
};

const certificates& world_certificates();

} // namespace sim
