#pragma once
// A thread beside the loop, for what blocks by nature: one for files, one for name look-ups. It is started
// by its first work, does one piece after the other, and reports each on the loop, which does not run out of
// work before that.

#include "net/result.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace net {

class system_helper_thread {
public:
    explicit system_helper_thread(asio::io_context& loop);
    // Waits for the work that runs; what has not begun is dropped with its reports. Work that may be left
    // behind (a name look-up, which can hang for as long as the resolver likes) is not waited for.
    ~system_helper_thread();
    system_helper_thread(const system_helper_thread&) = delete;
    system_helper_thread& operator=(const system_helper_thread&) = delete;

    // Not cancellable. An exception of the work is rethrown here.
    task<void> run(std::function<void()> work);

    // What was asked for. Its end withdraws it: afterwards the report does not run, and the work has either
    // ended or never begun (unless it is left behind).
    class assignment;
    enum class at_end { waited_for, left_behind };
    // `done` runs on the loop. Work that is left behind must own all it touches.
    [[nodiscard]] assignment enqueue(std::function<void()> work, std::function<void()> done, at_end what);

private:
    struct shared;
    static void serve(std::shared_ptr<shared> with);

    std::shared_ptr<shared> shared_;
};

class system_helper_thread::assignment {
public:
    assignment(std::shared_ptr<shared> with, std::uint64_t number);
    ~assignment();
    assignment(const assignment&) = delete;
    assignment& operator=(const assignment&) = delete;

private:
    std::shared_ptr<shared> with_;
    std::uint64_t number_;
};

} // namespace net
