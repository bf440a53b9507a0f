#pragma once
// A small world for tests of net: one io_context, and a clock that moves only when everything waits. Nothing
// sleeps.

#include "net/environment.hpp"
#include "net/task/condition.hpp"
#include "net/task/task_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>

namespace net::test {

class test_world final : public environment {
    using alarms = std::multimap<time_point, std::function<void()>>;

    class test_timer final : public timer {
    public:
        explicit test_timer(test_world& world)
            : world_(world) {}

        ~test_timer() override { cancel(); }

        void start(time_point when, std::function<void()> callback) override {
            cancel();
            at_ = world_.alarms_.emplace(when, [this, callback = std::move(callback)] {
                running_ = false;
                callback();
            });
            running_ = true;
        }

        void cancel() noexcept override {
            if (running_)
                world_.alarms_.erase(at_);
            running_ = false;
        }

    private:
        test_world& world_;
        alarms::iterator at_;
        bool running_ = false;
    };

public:
    asio::any_io_executor executor() override { return context_.get_executor(); }

    time_point now() const override { return now_; }

    wall_micros wall_now() const override { return now_.time_since_epoch().count() / 1000; }

    std::unique_ptr<timer> make_timer() override { return std::make_unique<test_timer>(*this); }

    void random_bytes(std::span<std::byte> out) override {
        for (auto& byte : out)
            byte = static_cast<std::byte>(random_ = random_ * 1103515245 + 12345);
    }

    task<result<std::unique_ptr<stream>>> dial(const endpoint&, time_point) override {
        co_return error_code(asio::error::connection_refused);
    }

    result<std::unique_ptr<listener>> listen(const endpoint&) override {
        return error_code(asio::error::operation_not_supported);
    }

    result<std::unique_ptr<stream>> standard_input() override {
        return error_code(asio::error::operation_not_supported);
    }

    file_system& files() override { throw std::logic_error("this world has no files"); }

    std::string boot_id() const override { return "test"; }

    task<void> on_helper_impl(std::function<void()> work) override {
        work();
        co_return;
    }

    // Runs the task, and everything that it started, to the end. Fails the test if something is left waiting
    // for ever.
    void run(std::function<task<void>()> main) {
        bool done = false;
        std::exception_ptr failure;
        auto body = [](std::function<task<void>()> make) -> task<void> { co_await make(); };
        asio::co_spawn(context_, body(std::move(main)), [&](std::exception_ptr why) {
            done = true;
            failure = why;
        });
        context_.restart();
        for (;;) {
            while (context_.poll() > 0) {
            }
            if (context_.stopped())
                break;
            if (quiet_.has_waiters()) {
                quiet_.notify();
                continue;
            }
            if (alarms_.empty()) {
                ADD_FAILURE() << "tasks wait for something that cannot come";
                std::abort();
            }
            auto first = alarms_.begin();
            now_ = std::max(now_, first->first);
            auto callback = std::move(first->second);
            alarms_.erase(first);
            ++alarms_rung;
            callback();
        }
        EXPECT_TRUE(done);
        EXPECT_TRUE(alarms_.empty()) << "a timer is left running";
        if (failure)
            std::rethrow_exception(failure);
    }

    std::size_t alarms_pending() const { return alarms_.size(); }

    std::size_t alarms_rung = 0;

    // Lets everything run that can run without time passing.
    task<void> settle() { return quiet_.wait(); }

private:
    asio::io_context context_{1};
    time_point now_{std::chrono::hours(1)};
    alarms alarms_;
    condition quiet_{*this};
    std::uint32_t random_ = 1;
};

} // namespace net::test
