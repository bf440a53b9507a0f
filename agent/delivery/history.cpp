#include "agent/delivery/history.hpp"

#include "agent/session/capture.hpp"
#include "agent/state/session_record_json.hpp"
#include "net/text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <set>

namespace agent {
namespace {

constexpr net::duration try_again_after = std::chrono::seconds(1);
constexpr std::size_t leaving_max = 64; // sessions in one transaction
constexpr int set_aside_max = 8;        // files; then the last one is replaced

bool is_same(const session_record& a, const session_record& b) {
    return to_json_text(a) == to_json_text(b);
}

} // namespace

history::history(net::environment& env, std::filesystem::path state_dir, session_table& sessions,
                 delivery_table& deliveries, s2_sink& sink, history_setup setup)
    : env_(env)
    , file_(state_dir.empty() || !setup.open ? std::filesystem::path() : state_dir / history_file)
    , sessions_(sessions)
    , deliveries_(deliveries)
    , sink_(sink)
    , setup_(std::move(setup))
    , moved_(env) {}

history::~history() = default;

// --- the file

// By SQLite's word, or since it can't be opened, whoever asks. What only lacks descriptors or memory, or is
// locked, does later. On the helper.
bool history::will_never_do(const storage_error& why) {
    if (why.what == storage_error::kind::corrupt)
        return true;
    if (why.what != storage_error::kind::unusable)
        return false;
    storage_.reset();
    if (!env_.files().exists(file_))
        return true;
    const auto opened = env_.files().open(file_, false);
    namespace errc = boost::system::errc;
    return !opened && opened.error() != errc::too_many_files_open &&
           opened.error() != errc::too_many_files_open_in_system &&
           opened.error() != errc::not_enough_memory && opened.error() != errc::read_only_file_system;
}

// One that can't be used any more makes room for a new one. What to say of it. On the helper.
std::string history::set_aside() {
    auto& files = env_.files();
    storage_.reset();
    std::filesystem::path aside;
    for (int n = 1; n <= set_aside_max; ++n) {
        aside = file_.string() + ".damaged-" + std::to_string(n);
        if (!files.exists(aside))
            break;
    }
    // Its log goes along, and goes first: it is of no use to the new file, and would spoil it.
    for (const auto* suffix : {"-wal", "-shm", ""}) {
        const std::filesystem::path from = file_.string() + suffix;
        if (!files.exists(from))
            continue;
        if (const auto ec = files.rename(from, aside.string() + suffix))
            return "it can't be set aside: " + ec.message();
    }
    return "it is set aside as " + aside.filename().string() + ", and a new one begins";
}

void history::failed(const storage_error& why) {
    next_try_ = net::saturating_add(env_.now(), try_again_after);
    if (why.message == std::exchange(told_, why.message))
        return;
    spdlog::error("the history of capture sessions {}: {}; delivery does not need it", file_.string(),
                  why.message);
}

template <class Value>
net::task<std::optional<Value>> history::with_storage(bool create,
                                                      std::function<stored<Value>(history_storage&)> use) {
    std::function<stored<Value>()> work = [this, create, &use]() -> stored<Value> {
        if (!storage_ && !create && !env_.files().exists(file_))
            return Value{};
        if (!storage_) {
            if (setup_.directory_lost && setup_.directory_lost())
                return storage_error{storage_error::kind::io,
                                     "the state directory was removed or moved away"};
            auto opened = setup_.open(env_, file_);
            if (!opened)
                return opened.error();
            storage_ = std::move(*opened);
        }
        return use(*storage_);
    };
    // A file that will never do is replaced, and the work done with the new one.
    std::function<stored<Value>()> whole = [this, &work]() -> stored<Value> {
        auto done = work();
        if (done || !will_never_do(done.error()))
            return done;
        if (!env_.files().exists(file_))
            return work(); // somebody took it away
        auto why = done.error();
        why.message += "; " + set_aside();
        spdlog::error("the history of capture sessions {}: {}", file_.string(), why.message);
        return work();
    };
    auto done = co_await net::on_helper(env_, std::move(whole));
    if (!done) {
        failed(done.error());
        co_return std::nullopt;
    }
    told_.clear();
    co_return std::move(*done);
}

net::task<> history::close() {
    while (moving_)
        co_await moved_.wait();
    std::function<void()> work = [this] { storage_.reset(); };
    co_await net::on_helper(env_, std::move(work));
}

// --- leaving

bool history::may_leave(const session_record& session) const {
    return sessions_.may_leave(session) && !sink_.owes(session);
}

bool history::fuller_than(std::size_t sessions, std::size_t streams) const {
    return sessions_.all().size() > sessions || deliveries_.all().size() > streams;
}

// The oldest, down to three quarters of what is kept, and the streams that nobody else refers to.
history::leaving history::choose() const {
    leaving going;
    const auto& all = sessions_.all();
    const std::size_t many = std::max<std::size_t>(setup_.sessions_kept / 4, 1);
    const std::size_t wanted = std::min(
        leaving_max, all.size() > setup_.sessions_kept ? all.size() - setup_.sessions_kept + many : many);
    std::set<std::pair<std::string_view, std::string_view>> needed; // stream and basin
    for (const auto& session : all) {
        if (going.sessions.size() < wanted && may_leave(session)) {
            if (auto whole = sink_.accounts().whole(session)) {
                going.sessions.push_back(session);
                going.whole.push_back(std::move(*whole));
                continue;
            }
        }
        for (const auto& part : session.parts)
            needed.emplace(part.stream, part.at.basin);
    }
    for (const auto& entry : deliveries_.all())
        if (!needed.contains({entry->state.stream, entry->state.at.basin}) &&
            sink_.streams().may_leave(*entry))
            going.streams.push_back(entry->state);
    return going;
}

// What is still as it was committed. False: nothing was.
bool history::free(const leaving& kept) {
    bool any = false;
    if (recalls_ > 0)
        return any;
    for (const auto& was : kept.sessions) {
        const auto* now = sessions_.find(was.number);
        if (!now || !may_leave(*now) || !is_same(*now, was))
            continue;
        sessions_.remove(was.number);
        any = true;
    }
    for (const auto& was : kept.streams) {
        const auto refers = [&was](const session_part& part) {
            return part.stream == was.stream && part.at == was.at;
        };
        const bool needed =
            std::any_of(sessions_.all().begin(), sessions_.all().end(), [&refers](const auto& session) {
                return std::any_of(session.parts.begin(), session.parts.end(), refers);
            });
        auto* now = deliveries_.find(was.at, was.stream);
        if (needed || !now || !sink_.streams().may_leave(*now) ||
            to_json_text(now->state) != to_json_text(was))
            continue;
        sink_.streams().leave(*now);
        any = true;
    }
    return any;
}

// False: nothing has left.
net::task<bool> history::move_some() {
    struct marked {
        explicit marked(history& in)
            : of(in) {
            of.moving_ = true;
        }

        ~marked() {
            of.moving_ = false;
            of.moved_.notify();
        }

        marked(const marked&) = delete;
        history& of;
    } const mark(*this);

    const leaving going = choose();
    if (going.empty()) {
        looked_at_ = sessions_.generation();
        look_again_ = net::saturating_add(env_.now(), try_again_after);
        co_return false;
    }
    // That they are delivered is on the disk before they leave: after a crash of the machine their records
    // would not be known for ours in a stream that others go on with.
    auto& deliveries = deliveries_;
    std::function<stored<bool>(history_storage&)> keep = [&going,
                                                          &deliveries](history_storage& in) -> stored<bool> {
        if (const auto unsynced = deliveries.sync())
            return storage_error{storage_error::kind::io, "the delivery table: " + unsynced.message()};
        auto kept = in.keep(going.whole, going.streams);
        if (!kept)
            return kept.error();
        return true;
    };
    const auto kept = co_await with_storage<bool>(true, std::move(keep));
    if (!kept)
        co_return false;
    co_return free(going);
}

net::task<> history::run() {
    while (!file_.empty()) {
        // What S2 still lacks is not counted again with each of its acks.
        const auto now = env_.now();
        const bool due = now >= look_again_ || looked_at_ != sessions_.generation();
        if (!moving_ && recalls_ == 0 && due && now >= next_try_ &&
            fuller_than(setup_.sessions_kept, setup_.streams_kept)) {
            const bool any = co_await move_some();
            if (any)
                continue;
        }
        co_await sink_.changed().wait();
    }
}

// --- coming back

net::task<bool> history::bring_session_back(std::string id) {
    std::function<stored<std::optional<session_record>>(history_storage&)> find = [&id](history_storage& in) {
        return in.find_session(id);
    };
    auto found = co_await with_storage<std::optional<session_record>>(false, std::move(find));
    if (!found || !*found || sessions_.find(id))
        co_return false;
    auto record = std::move(**found);
    record.active = false;
    // It gets a number of its own, under which the ring has nothing yet.
    record.gone_to = std::max(record.gone_to, record.whole_to);
    record.whole_to = 0;
    const auto gives_way = [this](const session_record& ended) { return !sink_.owes(ended); };
    co_return sessions_.add(std::move(record), gives_way) != nullptr;
}

// One after the other where another writer was found in it: the last one is written. False: none came.
net::task<bool> history::bring_stream_back(std::string id) {
    bool any = false;
    for (std::size_t steps = 0; steps < deliveries_max; ++steps) {
        const auto missing = sink_.streams().goes_on_in_unknown(id);
        if (!missing)
            break;
        std::function<stored<std::optional<delivery_state>>(history_storage&)> find =
            [&missing](history_storage& in) { return in.find_stream(missing->at, missing->stream); };
        auto found = co_await with_storage<std::optional<delivery_state>>(false, std::move(find));
        if (!found || !*found || deliveries_.find(missing->at, missing->stream))
            break;
        if (!sink_.streams().take_back(std::move(**found)))
            break;
        any = true;
    }
    co_return any;
}

net::task<> history::recall(std::optional<std::string> id) {
    if (file_.empty())
        co_return;
    while (fuller_than(sessions_max - 1, deliveries_max - 2)) {
        if (moving_) {
            co_await moved_.wait();
            continue;
        }
        const bool any = co_await move_some();
        if (!any)
            break;
    }

    struct counted {
        explicit counted(int& count)
            : of(count) {
            ++of;
        }

        ~counted() { --of; }

        counted(const counted&) = delete;
        int& of;
    } const under_way(recalls_);

    const auto normal = id ? net::normal_uuid(*id) : std::nullopt;
    bool back = false;
    if (normal && !sessions_.find(*normal))
        back = co_await bring_session_back(*normal);
    const bool stream_back = co_await bring_stream_back(normal.value_or(""));
    if (!back && !stream_back)
        co_return;
    auto& sessions = sessions_;
    auto& deliveries = deliveries_;
    std::function<net::error_code()> sync = [&sessions, &deliveries] {
        const net::error_code first = deliveries.sync();
        return first ? first : sessions.sync();
    };
    const net::error_code unsynced = co_await net::on_helper(env_, std::move(sync));
    if (unsynced) // the start, which syncs them as well, tells its caller
        spdlog::error("cannot write the session table to disk: {}", unsynced.message());
}

// --- for the embedded store

net::task<std::vector<session_record>> history::oldest_in_store(std::size_t limit) {
    if (file_.empty())
        co_return std::vector<session_record>();
    std::function<stored<std::vector<session_record>>(history_storage&)> list = [limit](history_storage& in) {
        return in.oldest_in_store(limit);
    };
    auto listed = co_await with_storage<std::vector<session_record>>(false, std::move(list));
    co_return listed ? std::move(*listed) : std::vector<session_record>();
}

net::task<> history::left_store(std::string id) {
    std::function<stored<bool>(history_storage&)> mark = [&id](history_storage& in) -> stored<bool> {
        auto marked = in.left_store(id);
        if (!marked)
            return marked.error();
        return true;
    };
    (void)co_await with_storage<bool>(false, std::move(mark)); // told; it is asked for again the next time
}

} // namespace agent
