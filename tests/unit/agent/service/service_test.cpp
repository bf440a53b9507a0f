#include "agent/service/service.hpp"
#include "tests/unit/agent/agent_world.hpp"
#include "tests/unit/net/test_listener.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace agent::test {
namespace {

// Publishes, and then goes wrong in a way that nobody has thought of.
class broken_producer final : public producer {
public:
    net::task<intake_end> publish_all(capture& into, ring&, delivery&, net::stop_token) override {
        for (int n = 0; n < 3; ++n)
            into.publish(R"({"type":"a"})", event_origin::intake);
        throw std::runtime_error("the producer is broken");
        co_return intake_end::failed;
    }

    void durable(seq_t) override {}
};

struct service_test : testing::Test {
    scratch_dir dir;
    agent_world env;
    config configuration;

    service_test() { configuration.state_dir = dir.path / "state"; }

    exit_code run(service& one) {
        auto code = exit_code::usage;
        env.world.run([&]() -> net::task<> { code = co_await one.run(); });
        return code;
    }
};

TEST_F(service_test, a_part_that_fails_runs_the_teardown) {
    broken_producer broken;
    service one(env, configuration, &broken);
    EXPECT_EQ(run(one), exit_code::failure);
    ASSERT_TRUE(one.outcome() && one.outcome()->session);
    EXPECT_EQ(one.outcome()->session->published, 3u);
    EXPECT_EQ(one.outcome()->session->durable, 3u);
    EXPECT_TRUE(env.disk.exists(configuration.state_dir / "ring" / "clean"));
}

TEST_F(service_test, listens_once_the_session_exists_and_refuses_callers_before) {
    configuration.listen = net::endpoint::tcp("127.0.0.1", 1);
    configuration.start = true;
    service one(env, configuration);
    std::vector<bool> session_exists;
    std::weak_ptr<int> tried;
    env.listening = [&](const net::endpoint&) -> net::result<std::unique_ptr<net::listener>> {
        struct kept final : net::test::test_listener {
            explicit kept(net::environment& in)
                : test_listener(in) {}

            std::shared_ptr<int> alive = std::make_shared<int>();
        };
        EXPECT_TRUE(tried.expired()) << "what was tried out is let go";
        auto made = std::make_unique<kept>(env);
        tried = made->alive;
        session_exists.push_back(one.last_session() != nullptr);
        if (session_exists.back())
            one.on_signal();
        return std::unique_ptr<net::listener>(std::move(made));
    };
    EXPECT_EQ(run(one), exit_code::durable);
    EXPECT_THAT(session_exists, testing::ElementsAre(false, true));
}

TEST_F(service_test, an_address_that_cannot_be_had_starts_no_session) {
    configuration.listen = net::endpoint::tcp("127.0.0.1", 1);
    configuration.start = true;
    service one(env, configuration); // its world refuses to listen
    EXPECT_EQ(run(one), exit_code::failure);
    EXPECT_EQ(one.last_session(), nullptr);
}

TEST_F(service_test, too_few_descriptors_are_said_before_anything_is_touched) {
    env.supply = {20, 10};
    service one(env, configuration);
    EXPECT_EQ(run(one), exit_code::unusable);
    EXPECT_FALSE(env.disk.exists(configuration.state_dir));
}

} // namespace
} // namespace agent::test
