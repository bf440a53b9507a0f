#include "net/server/listening.hpp"
#include "tests/unit/net/test_world.hpp"

#include <gmock/gmock.h>

namespace net::test {
namespace {

namespace errc = boost::system::errc;

// A machine whose names have these addresses, some of which can't be had.
class machine final : public environment {
    struct taken final : listener {
        explicit taken(endpoint at)
            : at_(std::move(at)) {}

        task<result<std::unique_ptr<stream>>> accept() override {
            co_return error_code(asio::error::operation_aborted);
        }

        endpoint local() const override { return at_; }

        void close() noexcept override {}

        endpoint at_;
    };

public:
    test_world world;
    std::vector<std::string> addresses{"127.0.0.1", "::1"};
    std::map<std::string, error_code> refused; // by address, or address and port
    std::uint16_t next_free_port = 5000;

    result<std::vector<endpoint>> addresses_of(const endpoint& at) override {
        if (addresses.empty())
            return make_error_code(error::unresolved);
        std::vector<endpoint> all;
        for (const auto& address : addresses)
            all.push_back(endpoint::tcp(address, at.port));
        return all;
    }

    result<std::unique_ptr<listener>> listen(const endpoint& at) override {
        for (const auto& name : {at.host, at.text()})
            if (const auto found = refused.find(name); found != refused.end())
                return found->second;
        auto local = at;
        if (local.port == 0)
            local.port = next_free_port++;
        return std::unique_ptr<listener>(std::make_unique<taken>(local));
    }

    asio::any_io_executor executor() override { return world.executor(); }

    time_point now() const override { return world.now(); }

    wall_micros wall_now() const override { return world.wall_now(); }

    std::unique_ptr<timer> make_timer() override { return world.make_timer(); }

    void random_bytes(std::span<std::byte> out) override { world.random_bytes(out); }

    task<result<std::unique_ptr<stream>>> dial(const endpoint& to, time_point by) override {
        return world.dial(to, by);
    }

    result<std::unique_ptr<stream>> standard_input() override { return world.standard_input(); }

    file_system& files() override { return world.files(); }

    std::string boot_id() const override { return world.boot_id(); }

    task<void> on_helper_impl(std::function<void()> work) override {
        return world.on_helper_impl(std::move(work));
    }

    std::string outcome(std::uint16_t port) {
        const auto got = listen_everywhere(*this, endpoint::tcp("name", port));
        if (const auto* failed = std::get_if<listen_failure>(&got))
            return failed->at.text() + ": " + failed->why.message();
        std::string all;
        for (const auto& one : std::get<listeners>(got))
            all += (all.empty() ? "" : " ") + one->local().text();
        return all;
    }
};

TEST(listening, is_on_every_address_of_a_name) {
    machine at;
    EXPECT_EQ(at.outcome(80), "127.0.0.1:80 [::1]:80");
}

TEST(listening, has_one_port_where_any_will_do) {
    machine at;
    EXPECT_EQ(at.outcome(0), "127.0.0.1:5000 [::1]:5000");
    at.refused["[::1]:5001"] = make_error_code(errc::address_in_use);
    EXPECT_EQ(at.outcome(0), "127.0.0.1:5002 [::1]:5002");
}

TEST(listening, gives_up_on_a_port_in_the_end) {
    machine at;
    at.refused["::1"] = make_error_code(errc::address_in_use);
    EXPECT_THAT(at.outcome(0), testing::StartsWith("[::1]:50"));
}

TEST(listening, passes_over_a_family_that_the_machine_lacks) {
    for (const auto why : {errc::address_family_not_supported, errc::address_not_available}) {
        machine at;
        at.refused["::1"] = make_error_code(why);
        EXPECT_EQ(at.outcome(80), "127.0.0.1:80");
        at.addresses = {"::1", "127.0.0.1"};
        EXPECT_EQ(at.outcome(0), "127.0.0.1:5000");
        at.addresses = {"::1"};
        EXPECT_EQ(at.outcome(80), "[::1]:80: " + error_code(make_error_code(why)).message());
    }
}

TEST(listening, names_the_address_that_fails) {
    machine at;
    at.refused["[::1]:80"] = make_error_code(errc::address_in_use);
    EXPECT_EQ(at.outcome(80), "[::1]:80: " + error_code(make_error_code(errc::address_in_use)).message());
    at.refused.clear();
    at.refused["127.0.0.1"] = make_error_code(errc::address_not_available); // it is another machine's
    EXPECT_THAT(at.outcome(80), testing::StartsWith("127.0.0.1:80: "));
}

TEST(listening, takes_no_more_addresses_than_are_budgeted) {
    machine at;
    at.addresses.assign(listen_addresses_max + 1, "127.0.0.1");
    EXPECT_EQ(at.outcome(80), "name:80: a limit was exceeded");
    at.addresses.clear();
    EXPECT_EQ(at.outcome(80), "name:80: the host name does not resolve");
}

} // namespace
} // namespace net::test
