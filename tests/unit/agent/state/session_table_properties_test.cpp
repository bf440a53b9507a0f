// The session table against a plain list, over kills at any time and machines that die.
#include "agent/state/session_record_json.hpp"
#include "agent/state/session_table.hpp"
#include "tests/unit/agent/support/machine_crash.hpp"
#include "tests/unit/agent/support/memory_world.hpp"
#include "tests/unit/agent/support/properties.hpp"

#include <list>

namespace agent::test {
namespace {

enum class table_act : std::uint8_t { publish, start, stop, reopen, count, place, kill, sync, crash };

struct table_step {
    table_act what = table_act::publish;
    unsigned a = 0;
    std::uint64_t dice = 0;
};

struct table_case {
    bool nearly_full = false;
    std::vector<table_step> steps;
};

std::ostream& operator<<(std::ostream& out, const table_case& one) {
    static constexpr const char* names[] = {"publish", "start", "stop", "reopen", "count",
                                            "place",   "kill",  "sync", "crash"};
    out << (one.nearly_full ? "nearly full" : "empty");
    for (const auto& each : one.steps)
        out << "\n    " << names[static_cast<std::size_t>(each.what)] << "(" << each.a << ", " << each.dice
            << ")";
    return out;
}

rc::Gen<table_case> any_table_case() {
    using enum table_act;
    const auto any_step = rc::gen::map(
        rc::gen::tuple(rc::gen::elementOf(std::vector{publish, publish, start, start, start, stop, stop,
                                                      reopen, count, place, kill, sync, crash}),
                       rc::gen::inRange(0u, 40u),
                       rc::gen::noShrink(rc::gen::inRange<std::uint64_t>(0, 1u << 20))),
        [](const auto& drawn) {
            return table_step{std::get<0>(drawn), std::get<1>(drawn), std::get<2>(drawn)};
        });
    return rc::gen::map(
        rc::gen::pair(rc::gen::inRange(0, 4), rc::gen::container<std::vector<table_step>>(any_step)),
        [](auto drawn) { return table_case{drawn.first == 3, std::move(drawn.second)}; });
}

class table_life {
public:
    explicit table_life(bool nearly_full) {
        world_.disk.forget_names();
        open();
        while (nearly_full && table_->all().size() + 3 < sessions_max) {
            start(false);
            next_ += 2;
        }
        must_be_same();
    }

    void perform(const table_step& one) {
        switch (one.what) {
        case table_act::publish:
            next_ += one.a;
            break;
        case table_act::start:
            if (!active())
                start(one.a % 4 != 0);
            break;
        case table_act::stop:
            stop();
            break;
        case table_act::reopen:
            reopen(one.a);
            break;
        case table_act::count:
            if (active()) {
                next_ += one.a;
                change(*active(), [&](session_record& record) {
                    record.gone += record.last_gone.events;
                    record.last_gone = {next_, next_ - one.a, {one.a, one.a - one.a / 2, one.a / 2}};
                    record.gone_to = next_;
                });
            }
            break;
        case table_act::place:
            place_elsewhere(one.a);
            break;
        case table_act::kill:
            table_.reset();
            open();
            expected_ = stored_;
            break;
        case table_act::sync:
            MUST_HOLD(!table_->sync());
            break;
        case table_act::crash:
            crash(one);
            break;
        }
        must_be_same();
    }

private:
    using sessions = std::vector<session_record>; // by last start

    void open() {
        auto opened = session_table::open(world_, "/state");
        MUST_HOLD(opened);
        table_ = std::move(*opened);
    }

    session_record* active() {
        return !expected_.empty() && expected_.back().active ? &expected_.back() : nullptr;
    }

    void start(bool stays_active) {
        session_record fresh;
        fresh.id = "session " + std::to_string(++ids_);
        fresh.active = stays_active;
        fresh.spans.push_back({next_, stays_active ? 0 : next_ + 1});
        fresh.parts.push_back({{"basin", "", ""}, fresh.id, next_});
        const bool full = expected_.size() == sessions_max;
        // Odd ones owe something.
        const auto* added = table_->add(fresh, [](const session_record& one) { return one.number % 2 == 0; });
        if (full) {
            const auto goes = std::find_if(expected_.begin(), expected_.end(),
                                           [](const auto& one) { return one.number % 2 == 0; });
            MUST_HOLD((added != nullptr) == (goes != expected_.end()));
            if (!added)
                return;
            std::erase_if(stored_, [&](const auto& one) { return one.number == goes->number; });
            expected_.erase(goes);
        }
        MUST_HOLD(added);
        MUST_HOLD(added->number > highest_number_);
        fresh.number = highest_number_ = added->number;
        expected_.push_back(fresh);
        stored_.push_back(fresh);
        next_ += stays_active ? 1 : 2;
    }

    // Performs the change on both and takes the stored one along.
    void change(session_record& which, const std::function<void(session_record&)>& how) {
        const auto number = which.number;
        table_->update(number, how);
        how(which);
        const auto changed = which;
        move_back(expected_, changed, changed.active);
        move_back(stored_, changed, changed.active);
    }

    // A started one is the latest.
    static void move_back(sessions& of, const session_record& changed, bool started) {
        const auto at =
            std::find_if(of.begin(), of.end(), [&](const auto& one) { return one.number == changed.number; });
        *at = changed;
        if (started)
            std::rotate(at, at + 1, of.end());
    }

    void stop() {
        if (!active())
            return;
        change(*active(), [this](session_record& one) {
            one.active = false;
            one.end_reason = "stopped";
            one.spans.back().to_seq = next_ - 1;
        });
    }

    void reopen(unsigned drawn) {
        if (active() || expected_.empty())
            return;
        auto& which = expected_[drawn % expected_.size()];
        if (which.spans.size() == session_spans_max)
            return;
        change(which, [this](session_record& one) {
            one.active = true;
            one.end_reason.clear();
            one.spans.push_back({next_, 0});
        });
        ++next_;
    }

    void place_elsewhere(unsigned drawn) {
        if (!active() || active()->parts.size() == session_parts_max)
            return;
        change(*active(), [&](session_record& one) {
            one.parts.push_back(
                {{"basin " + std::to_string(drawn), "https://a", "https://b"}, one.id, next_});
        });
    }

    // Two sessions change between two syncs: one ends, the next one starts.
    void crash(const table_step& how) {
        MUST_HOLD(!table_->sync());
        const auto before = stored_;
        const bool was_active = active() != nullptr;
        stop();
        start(how.a % 3 != 0);
        table_.reset();
        machine_dies(world_.disk, {how.a % 9, how.dice});
        open();
        sessions found(table_->all().begin(), table_->all().end());
        for (const auto& one : found)
            MUST_HOLD(known(before, one) || known(stored_, one) ||
                      (was_active && one.end_reason == "superseded"));
        for (const auto& one : before)
            MUST_HOLD(table_->find(one.number) || before.size() == sessions_max);
        expected_ = stored_ = found;
        highest_number_ = 0; // of one that is lost it may come again
        for (const auto& one : found)
            highest_number_ = std::max(highest_number_, one.number);
    }

    static bool known(const sessions& of, const session_record& one) {
        return std::any_of(of.begin(), of.end(),
                           [&](const auto& each) { return to_json_text(each) == to_json_text(one); });
    }

    void must_be_same() {
        MUST_HOLD(table_->all().size() == expected_.size());
        auto at = expected_.begin();
        for (const auto& one : table_->all())
            MUST_HOLD(to_json_text(one) == to_json_text(*at++));
        const auto* running = table_->active();
        MUST_HOLD((running != nullptr) == (active() != nullptr));
        MUST_HOLD(!running || running->number == active()->number);
        MUST_HOLD(expected_.empty() || table_->latest()->number == expected_.back().number);
        for (const seq_t seq : {next_ / 3, next_ / 2, next_ - 1}) {
            const auto* holder = table_->at_seq(seq);
            for (const auto& one : expected_)
                MUST_HOLD(!one.holds(seq) || holder->holds(seq));
        }
    }

    memory_world world_;
    std::unique_ptr<session_table> table_;
    sessions expected_;
    sessions stored_; // as of each one's last store: counters lag
    std::uint32_t highest_number_ = 0;
    unsigned ids_ = 0;
    seq_t next_ = 1;
};

TEST(session_table_properties, over_kills_and_crashes) {
    check_property(20, [] {
        const auto one = *any_table_case();
        table_life life(one.nearly_full);
        for (const auto& each : one.steps)
            life.perform(each);
    });
}

} // namespace
} // namespace agent::test
