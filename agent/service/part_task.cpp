#include "agent/service/part_task.hpp"

#include "net/task/contained.hpp"

#include <spdlog/spdlog.h>

namespace agent {

void service_core::run(std::string_view name, std::function<net::task<>()> body) {
    tasks->spawn([this, name, body = std::move(body)] {
        return net::contained(body(), std::string(name), [this](const std::string& line) { fail(line); });
    });
}

void service_core::fail(const std::string& line) {
    spdlog::critical("an internal failure ends the agent: {}", line);
    part_failed = true;
    stop.give(teardown_cause::failure);
}

void part_task::start(std::function<net::task<>()> body) {
    running_ = true;
    core_.tasks->spawn([this, body = std::move(body)] { return run(body); });
}

net::task<> part_task::run(std::function<net::task<>()> body) {
    struct ending {
        explicit ending(part_task& task)
            : of(task) {}

        ~ending() {
            of.group_ = nullptr;
            of.running_ = false;
            of.ended_now_.notify();
        }

        part_task& of;
    } const end(*this);

    auto alone = net::with_task_group(core_.env, [this, &body](net::task_group& group) -> net::task<> {
        group_ = &group;
        group.spawn(body); // a child, so that the group's abort reaches it
        co_await group.join();
    });
    co_await net::contained(std::move(alone), std::string(name_),
                            [this](const std::string& line) { core_.fail(line); });
}

net::task<> part_task::wait_for_end(net::time_point deadline) {
    while (running_ && core_.env.now() < deadline)
        co_await ended_now_.wait_until(deadline);
    if (running_ && group_)
        group_->abort();
    while (running_)
        co_await ended_now_.wait();
}

} // namespace agent
