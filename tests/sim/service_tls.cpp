#include "tests/sim/service_tls.hpp"

#include "net/task/condition.hpp"
#include "tests/sim/certificates.hpp"

namespace sim {
namespace {

// Tells the story what passes.
class told_stream final : public net::stream {
public:
    told_stream(std::unique_ptr<net::stream> over, trace& story)
        : inner_(std::move(over))
        , story_(story) {}

    net::task<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override {
        auto got = co_await inner_->read_some(into);
        if (got)
            story_.mix({static_cast<const char*>(into.data()), *got});
        co_return got;
    }

    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override {
        for (const auto& piece : from)
            story_.mix({static_cast<const char*>(piece.data()), piece.size()});
        return inner_->write(from);
    }

    net::task<net::error_code> shutdown_write() override { return inner_->shutdown_write(); }

    void close() noexcept override { inner_->close(); }

    std::string alpn() const override { return inner_->alpn(); }

    std::string peer() const override { return inner_->peer(); }

private:
    std::unique_ptr<net::stream> inner_;
    trace& story_;
};

struct tls_parts {
    net::environment& env;
    fault_table& faults;
    service_watch& watch;
    trace& story;
};

net::task<net::result<std::unique_ptr<net::stream>>> secure(tls_parts with,
                                                            std::unique_ptr<net::stream> below) {
    if (with.faults.strikes(fault::handshake_hangs)) {
        with.faults.fired(fault::handshake_hangs);
        with.watch.event("a handshake hangs", {});
        net::condition silence(with.env);
        for (;;)
            co_await silence.wait();
    }
    const bool foreign = with.faults.strikes(fault::foreign_certificate);
    const auto& known = world_certificates();
    auto identity = foreign ? known.stranger : known.service;
    auto made = co_await net::tls_accept(with.env, std::move(below), std::move(identity));
    if (foreign && made)
        with.watch.wrong("an agent took a certificate that nobody vouches for");
    if (foreign && !made) {
        with.faults.fired(fault::foreign_certificate);
        with.watch.event("a foreign certificate is refused", {});
    }
    if (!made)
        co_return made.error();
    ++with.watch.tls_connections;
    std::unique_ptr<net::stream> told = std::make_unique<told_stream>(std::move(*made), with.story);
    co_return told;
}

} // namespace

net::secure_hook service_tls(net::environment& env, fault_table& faults, service_watch& watch, trace& story) {
    const tls_parts with{env, faults, watch, story};
    return [with](std::unique_ptr<net::stream> below) { return secure(with, std::move(below)); };
}

} // namespace sim
