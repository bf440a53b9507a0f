#include "tests/sim/s2_service.hpp"

#include "s2/local/server.hpp"
#include "tests/sim/faulty_face.hpp"
#include "tests/sim/model_storage.hpp"

#include <boost/system/system_error.hpp>

namespace sim {
namespace {

constexpr std::uint64_t tiny_window_bytes_min = 1024;
constexpr std::uint64_t tiny_window_bytes_max = 4096;
constexpr std::uint32_t smallest_connection_window = 65535; // HTTP/2 begins with it; it cannot be lowered

} // namespace

s2_service::s2_service(net::environment& env, std::shared_ptr<model_store> store, fault_table& faults,
                       service_watch& watch, s2_service_options how)
    : env_(env)
    , store_(std::move(store))
    , faults_(faults)
    , watch_(watch)
    , how_(std::move(how))
    , stop_(env)
    , changed_(env) {
    if (!faults_.strikes(fault::tiny_windows))
        return;
    tiny_window_ =
        static_cast<std::uint32_t>(faults_.source().between(tiny_window_bytes_min, tiny_window_bytes_max));
    how_.limits.stream_window = tiny_window_;
    how_.limits.connection_window = smallest_connection_window;
}

void s2_service::stop() {
    stop_.drain(net::saturating_add(env_.now(), how_.drain_max));
}

net::task<> s2_service::run() {
    auto accepting = env_.listen(how_.listen);
    if (!accepting)
        throw boost::system::system_error(accepting.error(), "the simulated service cannot listen");
    s2::local::embedded_server server(env_, std::make_unique<model_storage>(store_), stop_, how_.face);
    faulty_face face(env_, server.face().handler(), faults_, watch_, tiny_window_);
    net::http_server outside(env_, std::move(*accepting), how_.limits, face.handler(), how_.secure);
    listening_ = true;
    changed_.notify();
    auto serve = [&](net::task_group& group) -> net::task<> {
        group.spawn(face.run(stop_));
        group.spawn([&] { return outside.serve(stop_); });
        co_await group.join();
    };
    auto beside_the_store = [&]() -> net::task<> { co_await net::with_task_group(env_, serve); };
    co_await server.run(beside_the_store);
    listening_ = false;
}

} // namespace sim
