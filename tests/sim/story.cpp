#include "tests/sim/story.hpp"

#include "s2/client.hpp"
#include "tests/sim/abandon.hpp"
#include "tests/sim/certificates.hpp"
#include "tests/sim/checkers/ring_checker.hpp"
#include "tests/sim/log_to_story.hpp"
#include "tests/sim/service_tls.hpp"

namespace sim {

using namespace std::chrono_literals;

story::story(const plan& of, trace& into)
    : plan_(of)
    , world_(of.seed ^ 0x5eed, into)
    , began_(world_.now().time_since_epoch())
    , store_(std::make_shared<model_store>())
    , checker_(world_, book_)
    , conservation_(book_)
    , lines_(book_, of.callers.may_lack_room)
    , parking_(book_, watch_.refusals, std::string(basin_name), of.one_writer())
    , bounds_(watch_) {
    into.watch_for(std::string(service_token));
    world_.net().hostile_link = plan_.link;
    world_.net().sealed = plan_.tls;
    if (plan_.tls)
        plan_.agent.s2.ca_file = world_certificates().trusted;
    for (const auto& [what, rate] : plan_.rates)
        world_.faults().allow(what, rate);
    service_machine_.name = "service";
    service_machine_.storage = std::make_shared<disk>();
    elsewhere_.name = "elsewhere";
    elsewhere_.storage = std::make_shared<disk>();
    elsewhere_.trusted = true;
    store_->on_commit = [this](stream_id stream, std::uint64_t first, std::span<const model_record> records) {
        // Thrown by the world: inside the service it would only be an error of its storage.
        try {
            checker_.committed(stream, first, records);
        } catch (const verdict&) {
            if (!found_)
                found_ = std::current_exception();
        }
    };
    world_.check_after_each_event([this] {
        if (found_)
            std::rethrow_exception(std::exchange(found_, nullptr));
        if (!bounds_.due())
            return;
        bounds_.check_traffic(plan_.agent);
        for (const auto& each : hosts_) {
            bounds_.check_disk(*each.agent);
            if (auto* ring = dynamic_cast<ring_checker*>(each.agent->on().storage->watcher.get()))
                ring->look();
        }
    });
    watch_.on_wrong = [this](const std::string& what) {
        if (!found_)
            found_ = std::make_exception_ptr(verdict(exit_correctness, what));
    };
    watch_.on_body = [this](std::string_view stream, std::uint64_t bytes) {
        world_.say("service", "body of " + std::to_string(bytes) + " bytes, " + std::string(stream));
    };
    watch_.on_event = [this](std::string_view what, std::string_view stream) {
        world_.say("service", std::string(what) + " " + std::string(stream));
    };
}

// Frozen processes stay for ever; what is big in them does not.
story::~story() {
    world_.end_all();
    abandon(service_);
    for (const auto& each : hosts_)
        if (each.agent->on().storage)
            each.agent->on().storage->discard();
}

void story::begin() {
    s2::local::basin_config basin;
    basin.create_stream_on_append = plan_.create_stream_on_append;
    store_->put_basin(std::string(basin_name), basin);
    start_service();
    auto& first = add_host(std::make_shared<disk>());
    start_agent(first);
    start_callers_of(first);
    for (const auto& act : plan_.acts)
        world_.at(world_.now() + act.after, [this, act] {
            if (!healing_)
                perform(act);
        });
}

void story::run_to(net::time_point when) {
    while (world_.step(when)) {
    }
}

// --- the service

void story::start_service() {
    s2_service_options how;
    how.listen = net::endpoint::tcp("s2.sim", 8080);
    process& serving = world_.start(service_machine_, "service");
    service_process_ = serving.id();
    if (plan_.tls) {
        how.secure = service_tls(serving, world_.faults(), watch_, world_.story());
        how.limits.header_timeout = 24h; // who waits for a handshake that hangs gives it up himself
    }
    service_ = std::make_unique<s2_service>(serving, store_, world_.faults(), watch_, std::move(how));
    world_.say("service", "starts");
    serving.run([served = service_.get()](process&) { return served->run(); });
}

void story::end_service(bool in_order, net::duration away) {
    process* serving = world_.find(service_process_);
    if (!serving)
        return;
    if (in_order) {
        world_.say("service", "stops in order");
        world_.faults().fired(fault::server_stopped);
        service_->stop();
        away += 10s;
    } else {
        world_.say("service", "is killed");
        world_.faults().fired(fault::server_killed);
    }
    const auto id = service_process_;
    const auto kill = [this, id] {
        if (process* one = world_.find(id)) {
            world_.end(*one);
            abandon(service_); // its frozen frames refer to it
        }
    };
    if (!in_order)
        kill();
    world_.at(world_.now() + away, [this, kill, id] {
        if (service_process_ != id)
            return;
        kill();
        start_service();
    });
}

// --- what strikes

void story::perform(const planned_act& act) {
    world_.say("world", name_of(act.what));
    auto& which = some_host();
    auto& on = which.agent->on();
    switch (act.what) {
    case fault::server_killed:
    case fault::server_stopped:
        return end_service(act.what == fault::server_stopped, act.lasts);
    case fault::agent_killed:
        return kill_and_restart(which, false, act.lasts);
    case fault::machine_crashed:
        return kill_and_restart(which, true, act.lasts);
    case fault::agent_terminated:
    case fault::signalled_twice:
        return terminate_and_restart(which, act.what == fault::signalled_twice, act.lasts);
    case fault::machine_paused:
        if (on.paused)
            return;
        world_.faults().fired(act.what);
        ++which.agent->disturbances;
        world_.pause(on);
        world_.at(world_.now() + act.lasts, [this, &on, host = which.agent.get()] {
            ++host->disturbances;
            world_.resume(on);
        });
        return;
    case fault::wall_clock_jumped:
        world_.faults().fired(act.what);
        on.wall_jumped += world_.faults().source().chance(500) ? act.lasts : -act.lasts;
        return;
    case fault::machine_cloned:
        return clone_machine();
    case fault::state_copied:
        return copy_state();
    case fault::disk_full:
    case fault::disk_error:
    case fault::disk_slow:
        return spoil_disk(act);
    case fault::stream_forbidden:
        return forbid_streams(act);
    default:
        if (shortages::is_one(act.what))
            return begin_shortage(which, act);
        return meddle(act.what);
    }
}

void story::spoil_disk(const planned_act& act) {
    auto& which = some_host();
    auto& on = which.agent->on();
    world_.faults().fired(act.what);
    ++which.agent->disturbances;
    auto& source = world_.faults().source();
    if (act.what == fault::disk_full)
        on.storage->capacity_bytes = on.storage->used_bytes() + source.below(4 << 20);
    else if (act.what == fault::disk_slow)
        on.helper_delay_max = source.between(20ms, 1500ms);
    else
        on.storage->fails = [&source](operation, const disk::path&) -> std::optional<net::error_code> {
            if (!source.chance(300))
                return std::nullopt;
            return make_error_code(boost::system::errc::io_error);
        };
    world_.at(world_.now() + act.lasts, [&on, host = which.agent.get()] {
        ++host->disturbances;
        on.storage->capacity_bytes = disk::no_limit;
        on.storage->fails = nullptr;
        on.helper_delay_max = machine().helper_delay_max;
    });
}

// --- copies

// The same seed lived through a second time up to now; its agent then goes on here, on a machine of its own.
void story::clone_machine() {
    // A twin lives what the plan says, not the stop behind it.
    if (stopping_ || hosts_.size() > 1 || !hosts_.front().agent->ready() || hosts_.front().agent->on().paused)
        return;
    trace unheard(false);
    story twin(plan_, unheard);
    const told_in scope(twin.world_);
    twin.begin();
    const auto events = world_.events_happened();
    while (twin.world_.events_happened() + 1 < events && twin.world_.step(world_.now())) {
    }
    if (!twin.hosts_.front().agent->ready())
        throw verdict(exit_correctness, "the same seed took another course");
    world_.faults().fired(fault::machine_cloned);
    auto& copy = add_host(nullptr);
    checker_.agents(hosts_.size());
    copy.agent->adopt(world_, twin.world_, *twin.hosts_.front().agent);
    copy.agent->on().storage->fails = nullptr; // the twin's
    const auto twins = copy.agent->on().storage->watcher;
    watch_ring(copy, twins.get());
    start_callers_of(copy);
}

void story::copy_state() {
    if (hosts_.size() > 1 || hosts_.front().agent->on().paused)
        return;
    world_.faults().fired(fault::state_copied);
    const auto original = hosts_.front().agent->on().storage;
    auto& copy = add_host(original->clone());
    watch_ring(copy, original->watcher.get());
    checker_.agents(hosts_.size());
    start_agent(copy);
    start_callers_of(copy);
}

// --- other people in the stream

void story::meddle(fault what) {
    process& someone = world_.start(elsewhere_, "someone");
    someone.run([this, what](process& env) { return meddle(env, what); });
}

net::task<> story::meddle(process& env, fault what) {
    std::vector<std::string> names;
    for (const auto& each : store_->streams())
        if (!each.deleted)
            names.push_back(each.name);
    if (names.empty())
        co_return;
    auto& source = world_.faults().source();
    const std::string stream = names[source.below(names.size())];
    std::function<net::task<>(net::task_group&)> body = [this, what, stream](net::task_group& group) {
        return meddle_with(group, what, stream);
    };
    co_await net::with_task_group(env, std::move(body));
}

net::task<> story::meddle_with(net::task_group& connections, fault what, std::string stream) {
    auto& env = connections.env();
    const auto& place = plan_.agent.s2;
    auto where = s2::endpoints::parse(place.account_endpoint, place.basin_endpoint);
    s2::connector_options how;
    how.ca_file = place.ca_file;
    s2::connector connector(connections, std::move(*where), std::move(how));
    s2::credentials token(s2::secret(std::string("somebody's")));
    s2::client client(connector, token, std::string(basin_name));
    const auto deadline = env.now() + 5s;
    bool done = false;
    if (what == fault::stream_deleted || what == fault::stream_recreated) {
        const auto deleted = co_await client.delete_stream(stream, deadline);
        done = deleted.has_value();
        if (done && what == fault::stream_recreated) {
            co_await net::sleep_until(env, env.now() + 200ms);
            const auto created = co_await client.create_stream(stream, {}, deadline);
            done = created.has_value();
        }
    } else {
        s2::append_input input;
        if (what == fault::other_fence)
            input.records.push_back(s2::fence_command("somebody's token"));
        else if (what == fault::token_cleared)
            input.records.push_back(s2::fence_command(""));
        else if (what == fault::stream_trimmed)
            input.records.push_back(s2::trim_command(1'000'000));
        else
            input.records.push_back({std::nullopt, {}, std::string(stream_checker::foreign_body)});
        const auto appended = co_await client.append(stream, std::move(input), deadline);
        done = appended.has_value();
    }
    if (done)
        world_.faults().fired(what);
    co_await connector.close();
}

} // namespace sim
