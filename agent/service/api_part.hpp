#pragma once
// The control API and the metrics: what they stand on, and where they are served.

#include "agent/api/control.hpp"
#include "agent/service/account.hpp"
#include "agent/service/history_part.hpp"
#include "agent/service/listening.hpp"
#include "agent/service/live_part.hpp"
#include "net/server/http_server.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agent {

class api_part final : public service_part {
public:
    struct subjects { // of the calls
        state_part& state;
        capture_part& captures;
        delivery_part& delivery;
        live_part& live;
        history_part& past;
        agent_account& account;
    };

    api_part(service_core& core, const subjects& of)
        : core_(core)
        , of_(of)
        , stop_(core.env) {}

    std::string_view name() const override { return "the API"; }

    // The addresses are tried out and let go.
    net::task<std::optional<start_failure>> open() override;
    // Whoever calls earlier is refused at once, and not kept waiting for an agent that may not come up.
    std::optional<start_failure> admit() override;
    void reload() override;

    std::optional<teardown_step> stops_in() const override { return teardown_step::close_ring; }

    // It answers until all else has ended; answers under way have a moment more.
    net::task<> stop() override;

private:
    enum class face { control, metrics };

    struct served_address {
        wanted_address wanted;
        face shows;
    };

    std::vector<served_address> addresses() const;
    std::optional<start_failure> may_be_open(const net::listeners& on) const;
    std::optional<net::secret> read_token(std::string& why) const;
    api_context context_with(net::secret token) const;
    void serve_control(std::unique_ptr<net::listener> from);
    void serve_metrics(std::unique_ptr<net::listener> from);
    void serve(std::unique_ptr<net::http_server> server);

    service_core& core_;
    subjects of_;
    net::stop_source stop_;
    std::shared_ptr<net::connection_places> places_;
    std::shared_ptr<net::connection_places> metrics_places_;
    std::shared_ptr<net::http_handler> handler_; // of all servers; another one after a reload
    std::vector<std::unique_ptr<net::http_server>> servers_;
};

} // namespace agent
