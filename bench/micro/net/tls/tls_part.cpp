// Writing through TLS into a transport that takes everything at once and forgets it.

#include "bench/micro/kit.hpp"
#include "bench/micro/part.hpp"
#include "net/task/pipe.hpp"
#include "net/task/task_group.hpp"
#include "net/tls/tls.hpp"

namespace bench {
namespace {

constexpr std::size_t piece_bytes = 64 * 1024; // what a connection writes at a time

// A pipe for the handshake, then nothing.
class forgetful_stream final : public net::stream {
public:
    forgetful_stream(std::unique_ptr<net::stream> below, std::shared_ptr<bool> forgets)
        : below_(std::move(below))
        , forgets_(std::move(forgets)) {}

    net::task<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override {
        return below_->read_some(into);
    }

    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override {
        return *forgets_ ? forget() : below_->write(from);
    }

    net::task<net::error_code> shutdown_write() override { return below_->shutdown_write(); }

    void close() noexcept override { below_->close(); }

    std::string peer() const override { return below_->peer(); }

private:
    static net::task<net::error_code> forget() { co_return net::error_code(); }

    std::unique_ptr<net::stream> below_;
    std::shared_ptr<bool> forgets_;
};

class writer {
public:
    writer() {
        auto [near, far] = net::make_pipe(real_.env, piece_bytes);
        auto below = std::make_unique<forgetful_stream>(std::move(near), forgets_);
        real_.run([&] { return meet(std::move(below), std::move(far)); });
        *forgets_ = true;
    }

    work round() {
        work done;
        real_.run([&] { return write_all(done); });
        done.events = envelopes().size();
        return done;
    }

private:
    net::task<void> meet(std::unique_ptr<net::stream> near, std::unique_ptr<net::stream> far) {
        const auto both = [&](net::task_group& group) {
            group.spawn([&] { return accept(std::move(far)); });
            return connect(group, std::move(near));
        };
        co_await net::with_task_group(real_.env, both);
    }

    net::task<void> accept(std::unique_ptr<net::stream> below) {
        const auto identity = net::tls_identity::self_signed(real_.env);
        must(identity.has_value(), "there is a certificate");
        auto made = co_await net::tls_accept(real_.env, std::move(below), *identity);
        must(made.has_value(), "the server accepts");
        server_ = std::move(*made);
    }

    net::task<void> connect(net::task_group& group, std::unique_ptr<net::stream> below) {
        net::tls_client_options options;
        options.server_name = "localhost";
        options.alpn = {"h2"};
        options.verify = false;
        auto made = co_await net::tls_connect(real_.env, std::move(below), std::move(options));
        must(made.has_value(), "the client connects");
        client_ = std::move(*made);
        co_await group.join();
    }

    net::task<void> write_all(work& done) {
        for (const auto& frame : frames()) {
            for (std::string_view left = frame; !left.empty();) {
                const net::asio::const_buffer piece = net::asio::buffer(left.substr(0, piece_bytes));
                const auto failed = co_await client_->write(std::span(&piece, 1));
                must(!failed, "the transport takes everything");
                left.remove_prefix(piece.size());
            }
            done.bytes += frame.size();
        }
    }

    world real_;
    std::shared_ptr<bool> forgets_ = std::make_shared<bool>(false);
    std::unique_ptr<net::stream> client_;
    std::unique_ptr<net::stream> server_;
};

round_function prepare_write() {
    return [by = std::make_shared<writer>()] { return by->round(); };
}

const registered_part writing("tls/write", prepare_write);

} // namespace
} // namespace bench
