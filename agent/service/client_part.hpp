#pragma once
// The S2 client: who we are there, the connections, the basin.

#include "agent/service/store_part.hpp"
#include "s2/client.hpp"
#include "s2/connector.hpp"
#include "s2/credentials.hpp"

#include <memory>

namespace agent {

class client_part final : public service_part {
public:
    client_part(service_core& core, store_part& store)
        : core_(core)
        , store_(store) {}

    std::string_view name() const override { return "the S2 client"; }

    net::task<std::optional<start_failure>> open() override;
    net::task<> finish() override;
    void reload() override;

    s2::client& client() const { return *client_; }

    const place& at() const { return at_; }

private:
    service_core& core_;
    store_part& store_;
    place at_;
    std::unique_ptr<s2::credentials> credentials_;
    std::unique_ptr<s2::connector> connector_;
    std::unique_ptr<s2::client> client_;
};

} // namespace agent
