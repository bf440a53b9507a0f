// `ringtail bench`: a load against any endpoint through the agent's own path, and the verdict on what came of
// it.

#include "agent/commands/bench_options.hpp"
#include "agent/commands/bench_read_back.hpp"
#include "agent/commands/bench_report.hpp"
#include "agent/commands/command.hpp"
#include "agent/service/service.hpp"
#include "net/system/run.hpp"

#include <boost/json/serialize.hpp>

#include <cstdio>

namespace agent::commands {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view id_field = "{capture_session_id}";

class bench_run {
public:
    bench_run(net::environment& env, bench_options asked)
        : env_(env)
        , asked_(std::move(asked))
        , base_dir_(asked_.agent.state_dir) {
        if (!base_dir_.empty())
            asked_.agent.state_dir = base_dir_ / ("bench-" + net::random_uuid(env));
    }

    net::task<exit_code> run();
    void on_signal();

private:
    net::task<bool> look_before();
    net::task<> put_load();
    net::task<> show_progress();
    net::task<> judge();
    net::task<> clean_up();
    void remove_state_dir();
    bool say();

    bool embedded() const { return asked_.agent.s2.basin.empty(); }

    net::environment& env_;
    bench_options asked_;
    std::filesystem::path base_dir_;
    bool base_was_there_ = true;
    stream_before before_;
    bench_result result_;
    std::vector<replay_part> parts_; // where the load went
    service* service_ = nullptr;     // while it runs
    load* load_ = nullptr;
    net::task_group* reading_ = nullptr; // while the stream is read back
    int signals_ = 0;
};

// The first signal ends the load, which is then delivered and judged. The second does not wait for S2: a
// signal sets the teardown a deadline, and one more cuts that short.
void bench_run::on_signal() {
    ++signals_;
    if (reading_)
        reading_->abort();
    else if (service_ && signals_ > 1) {
        service_->on_signal();
        service_->on_signal();
    } else if (load_) {
        load_->end_early();
    }
}

net::task<exit_code> bench_run::run() {
    const bool usable = co_await look_before();
    if (!usable || signals_ > 0)
        co_return result_.code;
    base_was_there_ = base_dir_.empty() || env_.files().exists(base_dir_);
    co_await put_load();
    if (result_.code == exit_code::durable)
        co_await judge();
    co_await clean_up();
    const bool said = say();
    co_return said ? result_.code : exit_code::failure;
}

// A stream with a name of its own may be there already: what it holds is not the load's.
net::task<bool> bench_run::look_before() {
    const s2_config& s2 = asked_.agent.s2;
    if (embedded() || s2.stream_template.find(id_field) != std::string::npos)
        co_return true;
    before_ = co_await look_at_stream(env_, asked_.agent, s2.stream_template);
    if (before_.failure.empty())
        co_return true;
    result_.code = complain("bench", before_.failure, before_.code);
    co_return false;
}

net::task<> bench_run::put_load() {
    load one(env_, asked_.load);
    service agent_under_load(env_, asked_.agent, &one);
    load_ = &one;
    service_ = &agent_under_load;
    co_await net::with_task_group(env_, [&](net::task_group& group) -> net::task<> {
        if (asked_.progress)
            group.spawn([this] { return show_progress(); });
        result_.code = co_await agent_under_load.run();
    });
    load_ = nullptr;
    service_ = nullptr;
    result_.load = one.progress();
    const auto* session = agent_under_load.last_session();
    if (session)
        parts_ = replay_parts(*session);
    const std::string stream = parts_.empty() ? asked_.agent.s2.stream_template : parts_.front().stream;
    result_.target =
        embedded() ? "the embedded store in " + asked_.agent.state_dir.string()
                   : "s2://" + asked_.agent.s2.basin + "/" + stream + " at " + asked_.agent.s2.basin_endpoint;
    result_.no_verdict = result_.load.failure.empty() ? "the load could not begin" : result_.load.failure;
    if (!agent_under_load.outcome())
        co_return;
    const delivery_status& left = agent_under_load.outcome()->delivery;
    result_.undelivered = left.undelivered_events;
    if (result_.load.failure.empty())
        result_.no_verdict = std::to_string(left.undelivered_events) + " events are not acknowledged" +
                             (left.reason.empty() ? "" : ": " + left.reason);
}

net::task<> bench_run::show_progress() {
    const load_progress& now = load_->progress();
    std::uint64_t durable = 0;
    for (auto last = env_.now();;) {
        co_await net::sleep_until(env_, last + 1s);
        const auto passed = env_.now() - last;
        last += passed;
        if (!now.began)
            continue;
        const auto line = progress_line(now, durable, passed, last - *now.began);
        std::fputs(line.c_str(), stderr);
        durable = now.durable;
    }
}

net::task<> bench_run::judge() {
    const load_progress& load = result_.load;
    load_verdict verdict(load_events(asked_.load.event_bytes, load.first_ts, asked_.load.schedule),
                         load.session_id, load.first_seq, load.published);
    bool ended = false;
    std::optional<std::string> failure;
    co_await net::with_task_group(env_, [&](net::task_group& group) -> net::task<> {
        reading_ = &group;
        group.spawn([&]() -> net::task<> {
            failure = co_await read_back(env_, asked_.agent, parts_, before_.tail, verdict);
            ended = true;
        });
        co_await group.join();
    });
    reading_ = nullptr;
    result_.code = exit_code::failure;
    if (!ended)
        result_.no_verdict = "interrupted while the stream was read back";
    else if (failure)
        result_.no_verdict = std::move(*failure);
    else
        result_.verdict = std::move(verdict);
    if (result_.verdict && result_.verdict->good())
        result_.code = exit_code::durable;
}

// After a good verdict, or where nothing came to stand in the stream, nothing is left. Else what there is may
// tell why.
net::task<> bench_run::clean_up() {
    const bool good = result_.code == exit_code::durable;
    const bool keep = asked_.keep || (!good && result_.load.durable > 0);
    if (!embedded() && !parts_.empty() && !keep && !before_.there) {
        const auto failure = co_await delete_streams(env_, asked_.agent, parts_);
        if (failure)
            result_.kept.push_back("what there is of it: " + *failure);
    } else if (!embedded()) {
        for (const auto& part : parts_) {
            const std::string name = "s2://" + part.at.basin + "/" + part.stream;
            const bool was_there = before_.there && part.stream == asked_.agent.s2.stream_template;
            result_.kept.push_back(name + (was_there ? " (it was there before)"
                                                     : "; delete it with `s2 delete-stream " + name + "`"));
        }
    }
    const std::string dir = asked_.agent.state_dir.string();
    if (dir.empty())
        co_return;
    if (asked_.keep || (embedded() && keep))
        result_.kept.push_back(dir + "; `ringtail replay latest --state-dir " + dir + "` shows its events");
    else
        remove_state_dir();
}

void bench_run::remove_state_dir() {
    net::file_system& files = env_.files();
    const auto& dir = asked_.agent.state_dir;
    if (dir.empty() || !files.exists(dir))
        return;
    net::error_code failed;
    for (const auto& folder : {dir / "ring", dir}) {
        if (!files.exists(folder))
            continue;
        const auto entries = files.list(folder);
        if (!entries)
            failed = entries.error();
        else
            for (const auto& entry : *entries)
                if (const auto why = files.remove(folder / entry.name))
                    failed = why;
        if (const auto why = files.remove(folder))
            failed = why;
    }
    const auto left = [this](const std::filesystem::path& what, const net::error_code& why) {
        result_.kept.push_back(what.string() + ", which could not be removed (" + why.message() + ")");
    };
    if (failed)
        return left(dir, failed);
    if (base_was_there_)
        return;
    // Something else may have come to live in it.
    const net::error_code base = files.remove(base_dir_);
    if (base && base != boost::system::errc::directory_not_empty)
        left(base_dir_, base);
}

// False: the report could not be written.
bool bench_run::say() {
    const bool json_out = asked_.report == "-";
    const std::string text = table(asked_, result_);
    std::fputs(text.c_str(), json_out ? stderr : stdout);
    for (const auto& what : result_.kept)
        std::fprintf(stderr, "kept: %s\n", what.c_str());
    if (asked_.report.empty())
        return true;
    const std::string report = boost::json::serialize(to_json(asked_, result_)) + "\n";
    if (json_out)
        return std::fputs(report.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    const auto failed = env_.files().write_output(asked_.report, report, 0644);
    if (failed)
        complain("bench", "cannot write the report to " + asked_.report + ": " + failed.message());
    return !failed;
}

} // namespace

exit_code bench(invocation& given) {
    std::optional<bench_options> asked;
    const exit_code code = configure_bench(given, asked);
    if (!asked)
        return code;
    exit_code outcome = exit_code::failure;
    bench_run* running = nullptr;
    const auto on_order = [&](net::signal_order what) {
        if (what == net::signal_order::reload)
            return; // a load is over soon
        if (running)
            running->on_signal();
    };
    const auto body = [&](net::environment& env) -> net::task<> {
        bench_run one(env, std::move(*asked));
        running = &one;
        outcome = co_await one.run();
        running = nullptr;
    };
    net::run_system(body, on_order);
    return outcome;
}

} // namespace agent::commands
