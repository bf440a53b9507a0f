#include "net/system/helper_thread.hpp"

#include "net/task/suspension.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <condition_variable>
#include <csignal>
#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unordered_map>

namespace net {

using ticket = std::uint64_t;

struct system_helper_thread::shared {
    explicit shared(asio::io_context& on)
        : loop(on) {}

    struct job {
        ticket number;
        std::function<void()> work;
        at_end what;
    };

    struct report {
        std::function<void()> done;
        asio::any_io_executor work_tracked; // the loop is not finished before the report
    };

    asio::io_context& loop;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<job> queue; // under the mutex, as the next three
    ticket running = 0;    // 0: none
    at_end running_what = at_end::waited_for;
    bool stopped = false;

    // The loop's side; the helper thread knows numbers only, so that no task is ever destroyed over there.
    std::unordered_map<ticket, report> reports;
    ticket last = 0;
    std::thread thread;

    void finished(ticket which) {
        const auto found = reports.find(which);
        if (found == reports.end())
            return;
        const auto one = std::move(found->second);
        reports.erase(found);
        one.done();
    }

    void withdraw(ticket which) noexcept {
        reports.erase(which);
        std::unique_lock lock(mutex);
        std::erase_if(queue, [which](const auto& one) { return one.number == which; });
        if (running == which && running_what == at_end::waited_for)
            changed.wait(lock, [&] { return running != which; });
    }
};

system_helper_thread::system_helper_thread(asio::io_context& loop)
    : shared_(std::make_shared<shared>(loop)) {}

system_helper_thread::~system_helper_thread() {
    shared_->reports.clear();
    bool leave_behind = false;
    {
        std::lock_guard lock(shared_->mutex);
        shared_->stopped = true;
        shared_->queue.clear();
        leave_behind = shared_->running != 0 && shared_->running_what == at_end::left_behind;
    }
    shared_->changed.notify_all();
    if (!shared_->thread.joinable())
        return;
    if (leave_behind)
        shared_->thread.detach();
    else
        shared_->thread.join();
}

void system_helper_thread::serve(std::shared_ptr<shared> with) {
    std::unique_lock lock(with->mutex);
    for (;;) {
        with->changed.wait(lock, [&] { return with->stopped || !with->queue.empty(); });
        if (with->stopped)
            return;
        auto next = std::move(with->queue.front());
        with->queue.pop_front();
        with->running = next.number;
        with->running_what = next.what;
        lock.unlock();
        next.work();
        next.work = nullptr;
        lock.lock();
        with->running = 0;
        with->changed.notify_all();
        if (!with->stopped)
            asio::post(with->loop, [with, number = next.number] { with->finished(number); });
    }
}

system_helper_thread::assignment system_helper_thread::enqueue(std::function<void()> work,
                                                               std::function<void()> done, at_end what) {
    const ticket number = ++shared_->last;
    auto tracked = asio::prefer(asio::any_io_executor(shared_->loop.get_executor()),
                                asio::execution::outstanding_work.tracked);
    shared_->reports.emplace(number, shared::report{std::move(done), std::move(tracked)});
    {
        std::lock_guard lock(shared_->mutex);
        shared_->queue.push_back({number, std::move(work), what});
    }
    if (shared_->thread.joinable()) {
        shared_->changed.notify_all();
        return {shared_, number};
    }
    // Signals are the loop's business.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    for (const int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGABRT})
        sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::error_code refused;
    try {
        shared_->thread = std::thread(serve, shared_);
    } catch (const std::system_error& failed) {
        refused = failed.code();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (refused) {
        shared_->queue.clear(); // nobody else looks at it
        shared_->reports.erase(number);
        throw std::runtime_error("no thread can be had: " + refused.message() +
                                 "; raise the limit on processes (ulimit -u, TasksMax=, pids.max)");
    }
    return {shared_, number};
}

system_helper_thread::assignment::assignment(std::shared_ptr<shared> with, std::uint64_t number)
    : with_(std::move(with))
    , number_(number) {}

system_helper_thread::assignment::~assignment() {
    with_->withdraw(number_);
}

task<void> system_helper_thread::run(std::function<void()> work) {
    detail::suspension self(shared_->loop.get_executor());
    std::exception_ptr failure;
    auto guarded = [&work, &failure] {
        try {
            work();
        } catch (...) {
            failure = std::current_exception();
        }
    };
    // What the helper thread touches is in this frame: the assignment keeps the frame until the work has
    // ended.
    const assignment given = enqueue(guarded, [&self] { self.resume(); }, at_end::waited_for);
    co_await self.wait(detail::suspension::attends::nothing_else);
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace net
