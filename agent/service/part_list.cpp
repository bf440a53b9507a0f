#include "agent/service/part_list.hpp"

#include "agent/service/api_part.hpp"
#include "agent/service/capacity_part.hpp"
#include "agent/service/files_part.hpp"
#include "agent/service/flush_part.hpp"
#include "agent/service/intake_part.hpp"
#include "agent/service/watch_part.hpp"
#include "agent/service/watchdog_part.hpp"
#include "net/assert.hpp"

namespace agent {

part_list::part_list(service_core& core, history_setup past_setup)
    : core_(core) {
    auto& state = add<state_part>(core);
    auto& store = add<store_part>(core);
    auto& client = add<client_part>(core, store);
    auto& delivery = add<delivery_part>(core, state, client);
    auto& live = add<live_part>(core, state, delivery);
    auto& past = add<history_part>(core, state, delivery, std::move(past_setup));
    add<capacity_part>(core, state, store, delivery, past);
    auto& captures = add<capture_part>(core, state, delivery);
    account_ = std::make_unique<agent_account>(core, state, delivery, captures);
    add<api_part>(core, api_part::subjects{state, captures, delivery, live, past, *account_});
    add<files_part>(core, state, delivery);
    add<flush_part>(core, state, delivery, *account_, [this] { extend_stop_timeout(); });
    auto& session = add<capture_session_part>(core, state, delivery, live, past, captures);
    add<intake_part>(core, state, delivery, captures);
    add<watch_part>(core, state, delivery, captures);
    add<watchdog_part>(core);
    state_ = &state;
    session_ = &session;
    auto last = teardown_step::done;
    for (const auto& part : parts_)
        if (const auto step = part->stops_in()) {
            NET_ASSERT(*step <= last, "parts stop in the reverse of their order");
            last = *step;
        }
}

part_list::~part_list() {
    while (!parts_.empty())
        parts_.pop_back();
}

net::task<std::optional<start_failure>> part_list::open() {
    for (const auto& part : parts_) {
        auto failed = co_await part->open();
        if (failed)
            co_return failed;
    }
    co_return std::nullopt;
}

void part_list::start() {
    for (const auto& part : parts_)
        part->start();
}

std::optional<start_failure> part_list::admit() {
    for (const auto& part : parts_)
        if (auto failed = part->admit())
            return failed;
    return std::nullopt;
}

void part_list::reload() {
    for (const auto& part : parts_)
        part->reload();
}

net::task<> part_list::stop(teardown_step step) {
    for (auto part = parts_.rbegin(); part != parts_.rend(); ++part)
        if ((*part)->stops_in() == step)
            co_await (*part)->stop();
}

net::task<> part_list::finish() {
    for (auto part = parts_.rbegin(); part != parts_.rend(); ++part)
        co_await (*part)->finish();
}

void part_list::extend_stop_timeout() const {
    auto longest = core_.configuration.shutdown_timeout;
    for (const auto& part : parts_)
        longest += part->grace();
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(longest).count();
    core_.env.notify_supervisor("EXTEND_TIMEOUT_USEC=" + std::to_string(micros));
}

} // namespace agent
