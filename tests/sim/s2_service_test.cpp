#include "tests/sim/faulty_face_fixture.hpp"
#include "tests/sim/s2_service.hpp"

#include <deque>

namespace sim::test {
namespace {

// The fixture's world, with one port.
class world_with_a_port final : public net::environment {
    struct backlog {
        explicit backlog(net::environment& env)
            : changed(env) {}

        std::deque<std::unique_ptr<net::stream>> waiting;
        net::condition changed;
        bool closed = false;
    };

    class port final : public net::listener {
    public:
        port(std::shared_ptr<backlog> of, net::endpoint at)
            : of_(std::move(of))
            , at_(std::move(at)) {}

        ~port() override { close(); }

        net::task<net::result<std::unique_ptr<net::stream>>> accept() override {
            while (of_->waiting.empty() && !of_->closed)
                co_await of_->changed.wait();
            if (of_->closed)
                co_return net::error_code(net::asio::error::operation_aborted);
            auto next = std::move(of_->waiting.front());
            of_->waiting.pop_front();
            co_return std::move(next);
        }

        net::endpoint local() const override { return at_; }

        void close() noexcept override {
            of_->closed = true;
            of_->changed.notify();
        }

    private:
        std::shared_ptr<backlog> of_;
        net::endpoint at_;
    };

public:
    explicit world_with_a_port(net::test::test_world& inside)
        : inside_(inside) {}

    net::result<std::unique_ptr<net::stream>> connect() {
        if (!open_ || open_->closed)
            return net::error_code(net::asio::error::connection_refused);
        auto ends = net::make_pipe(inside_, 64 * 1024);
        open_->waiting.push_back(std::move(ends.first));
        open_->changed.notify();
        return std::move(ends.second);
    }

    net::result<std::unique_ptr<net::listener>> listen(const net::endpoint& at) override {
        if (open_ && !open_->closed)
            return net::error_code(net::asio::error::address_in_use);
        open_ = std::make_shared<backlog>(inside_);
        return std::unique_ptr<net::listener>(std::make_unique<port>(open_, at));
    }

    net::asio::any_io_executor executor() override { return inside_.executor(); }

    net::time_point now() const override { return inside_.now(); }

    net::wall_micros wall_now() const override { return inside_.wall_now(); }

    std::unique_ptr<net::timer> make_timer() override { return inside_.make_timer(); }

    void random_bytes(std::span<std::byte> out) override { inside_.random_bytes(out); }

    net::task<net::result<std::unique_ptr<net::stream>>> dial(const net::endpoint& to,
                                                              net::time_point deadline) override {
        return inside_.dial(to, deadline);
    }

    net::result<std::unique_ptr<net::stream>> standard_input() override { return inside_.standard_input(); }

    net::file_system& files() override { return inside_.files(); }

    std::string boot_id() const override { return inside_.boot_id(); }

    net::task<void> on_helper_impl(std::function<void()> work) override {
        return inside_.on_helper_impl(std::move(work));
    }

private:
    net::test::test_world& inside_;
    std::shared_ptr<backlog> open_;
};

class s2_service_test : public faulty_face_test {
protected:
    world_with_a_port env{world};

    net::task<std::unique_ptr<net::http_client>> connect() {
        auto transport = env.connect();
        auto connected = co_await net::connect_http2(env, std::move(*transport));
        co_return std::move(*connected);
    }

    // Runs body beside a service that has begun; it is killed when the body is over, unless it has ended.
    void with_service(std::function<net::task<>(s2_service&)> body) {
        world.run([this, body]() -> net::task<> {
            s2_service service(env, kept, faults, watch, {net::endpoint::tcp("s2", 80), {}, {}, {}});
            auto both = [&](net::task_group& group) -> net::task<> {
                group.spawn(service.run());
                while (!service.listening())
                    co_await service.changed().wait();
                co_await body(service);
            };
            co_await net::with_task_group(env, both);
        });
    }
};

TEST_F(s2_service_test, a_killed_server_leaves_what_was_committed) {
    for (std::uint64_t i = 0; i < 3; ++i)
        with_service([this, i](s2_service&) -> net::task<> {
            auto client = co_await connect();
            const seen what = co_await append_session(*client, "s", i, 1);
            EXPECT_THAT(what.acked, testing::ElementsAre(i + 1));
        });
    EXPECT_THAT(stored("s"), testing::ElementsAre("0", "1", "2"));
    EXPECT_EQ(kept->commits_refused(), 0u);
}

TEST_F(s2_service_test, a_stop_drains_open_sessions) {
    with_service([this](s2_service& service) -> net::task<> {
        auto client = co_await connect();
        auto head = head_of("POST", "/v1/streams/s/records", "s2s/proto");
        auto open = co_await client->open(std::move(head), false);
        auto answered = co_await (*open)->response();
        EXPECT_EQ(answered->status, 200u);
        service.stop();
        co_await world.settle();
        EXPECT_FALSE(client->usable()) << "GOAWAY";
        EXPECT_FALSE(env.connect()) << "nobody listens";
        std::string payload, frame;
        s2::encode_append_input(s2::local::test::batch("x"), payload);
        s2::encode_frame(payload, s2::compression::none, frame);
        (void)co_await net::test::write_text(**open, frame);
        seen what = co_await rest_of(**open);
        read_frames(what);
        EXPECT_THAT(what.acked, testing::ElementsAre(1));
        EXPECT_TRUE(what.advised);
        EXPECT_EQ(what.terminal, 503u);
        co_await net::sleep_until(env, env.now() + std::chrono::seconds(10));
        EXPECT_FALSE(service.listening());
    });
}

TEST_F(s2_service_test, tiny_windows_let_large_batches_through) {
    only(fault::tiny_windows);
    with_service([this](s2_service&) -> net::task<> {
        auto client = co_await connect();
        const seen what = co_await append(*client, "s", std::string(200'000, 'x'));
        EXPECT_EQ(what.status, 200u);
        const seen sessions = co_await append_session(*client, "s", 1, 900);
        EXPECT_EQ(sessions.acked.size(), 900u);
    });
    EXPECT_EQ(faults.count(fault::tiny_windows), 1u);
}

TEST_F(s2_service_test, one_port_has_one_server) {
    with_service([this](s2_service&) -> net::task<> {
        s2_service second(env, kept, faults, watch, {net::endpoint::tcp("s2", 80), {}, {}, {}});
        bool refused = false;
        try {
            co_await second.run();
        } catch (const boost::system::system_error& why) {
            refused = why.code() == net::asio::error::address_in_use;
        }
        EXPECT_TRUE(refused);
    });
}

} // namespace
} // namespace sim::test
