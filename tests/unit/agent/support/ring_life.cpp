// From one life of a ring to the next: stops, kills at any call, and dying machines.
#include "ring_life.hpp"

namespace agent::test {
namespace {

constexpr seq_t ceiling_block = 40;
constexpr const char* clean_mark = "/ring/clean";

} // namespace

ring_life::ring_life(const ring_case& from)
    : options_{"/ring", from.segments * ring_segment_bytes, from.history * ring_segment_bytes / 2} {
    world_.disk.forget_names();
    open(1, std::nullopt);
}

ring_life::~ring_life() {
    end_life();
}

void ring_life::perform(const step& one) {
    switch (one.what) {
    case act::publish:
        for (unsigned count = 0; count <= one.b % 4; ++count)
            publish(one.a, one.dice + count);
        break;
    case act::hold:
        hold(one);
        break;
    case act::change_hold:
        change_hold(one);
        break;
    case act::acknowledge:
        acknowledge(one);
        break;
    case act::disk:
        limit_disk(one.a % 4 == 3 ? ~0u : one.a % 4);
        break;
    case act::read:
        read(one);
        break;
    case act::check:
        check_counts(some_seq(one.a), some_seq(one.b));
        check_counts(1, some_seq(one.b));
        model_.read_all(*ring_);
        break;
    case act::stop:
        stop(one);
        break;
    case act::kill:
        kill(one);
        break;
    case act::kill_publish:
        kill_publish(one);
        break;
    case act::write_back:
        write_back(world_.disk, {one.b % 9, one.dice});
        break;
    case act::crash:
        crash(one);
        break;
    }
    check_holds();
}

void ring_life::check_all() {
    model_.read_all(*ring_);
    end_life();
    open(model_.next(), std::nullopt);
}

void ring_life::keep_seqs_ahead() {
    if (ceiling_ < model_.next() + ceiling_block / 2)
        ceiling_ = model_.next() + ceiling_block;
}

void ring_life::die_at(unsigned call) {
    world_.disk.before_call = [left = call]() mutable {
        if (left-- == 0)
            throw killed_here();
    };
}

// A start, after one that is killed at that call where asked for.
void ring_life::open(seq_t next_expected, std::optional<unsigned> killed_at) {
    world_.boot = "boot-" + std::to_string(boot_);
    if (killed_at) {
        die_at(*killed_at);
        try {
            (void)open_ring(world_, options_, ceiling_);
        } catch (const killed_here&) { // the next one finds what it left
        } catch (const std::runtime_error&) {
            MUST_HOLD(disk_limited_);
        }
        world_.disk.before_call = nullptr;
        // A start that goes on at the ceiling replaces a newest segment that is empty; killed in between, it
        // loses what that one's header knew.
        if (next_expected > model_.next())
            model_.gone_may_be_told_as(gap_reason::machine_crash);
    }
    try {
        ring_ = open_ring(world_, options_, ceiling_);
    } catch (const std::runtime_error&) {
        MUST_HOLD(disk_limited_); // a start may need space
        limit_disk(~0u);
        ring_ = open_ring(world_, options_, ceiling_);
    }
    model_.many_gaps = crashes_ > 2;
    ring_->set_retention(this);
    MUST_HOLD(ring_->next_seq() == next_expected);
    model_.skip_to(next_expected);
    keep_seqs_ahead();
    model_.read_all(*ring_, true);
    for (auto& one : readers_)
        one.it = std::make_unique<ring_cursor>(*ring_, one.position);
    head_end_ = 0;
}

void ring_life::end_life() {
    world_.disk.before_call = nullptr;
    const auto calls = world_.disk.calls;
    holds_.clear();
    for (auto& one : readers_) {
        if (one.it)
            one.position = one.it->position();
        one.it.reset();
    }
    ring_.it.reset();
    if (world_.disk.calls != calls || world_.disk.mapped_now != 0)
        std::abort(); // whoever is killed does nothing any more
}

void ring_life::kill(const step& how) {
    end_life();
    open(model_.next(), how.b > 0 ? std::optional(how.b) : std::nullopt);
    MUST_HOLD(!ring_.recovery.machine_crash);
    MUST_HOLD(!ring_.recovery.clean);
}

// On the same boot or, where the machine was restarted in order, on another.
void ring_life::stop(const step& how) {
    if (how.b > 0)
        die_at(how.b);
    try {
        MUST_HOLD(!ring_->close_clean());
    } catch (const killed_here&) {
    }
    end_life();
    const bool clean = world_.disk.exists(clean_mark);
    if (clean)
        model_.all_synced();
    boot_ += how.a % 2;
    const bool restarted = how.a % 2 != 0;
    const auto killed_at = how.a > 1 ? std::optional(how.a / 2) : std::nullopt;
    crashes_ += !clean && restarted ? 1 : 0;
    open(clean || !restarted ? model_.next() : ceiling_ + 1, killed_at);
    MUST_HOLD(killed_at || ring_.recovery.clean == clean);
    MUST_HOLD(!(clean && ring_.recovery.machine_crash));
}

// What may go in a roll-over that is killed: whole segments that are not held.
std::vector<seq_t> ring_life::doubt_what_a_roll_over_may_free(const segments& before) {
    std::vector<seq_t> doubted;
    for (std::size_t index = 0; index + 1 < before.size(); ++index) {
        if (holds_some_of(before[index], before[index + 1] - 1))
            continue;
        for (seq_t seq = before[index]; seq < before[index + 1]; ++seq) {
            auto& one = model_.at(seq);
            if (one.is == journal_model::presence::there) {
                one.is = journal_model::presence::either;
                doubted.push_back(seq);
            }
            one.reasons |= journal_model::bit(gap_reason::capacity);
        }
    }
    return doubted;
}

void ring_life::kill_publish(const step& how) {
    if (how.dice % 3 == 0)
        world_.time += ring_filled_fast;
    told_.clear();
    const auto before = present();
    for (auto seq = ring_->first_seq(); seq < model_.next(); ++seq)
        model_.at(seq).told = false;
    std::vector<seq_t> doubted;
    die_at(how.b);
    try {
        for (int count = 0; count < 3; ++count) {
            const std::string line = line_of(model_.next(), size_of(how.a, how.dice));
            const auto room = ring_->reserve(line.size());
            if (present() != before)
                throw killed_here(); // behind the roll-over, nothing committed
            if (room.empty())
                break;
            std::copy(line.begin(), line.end(), room.begin());
            published(ring_->commit(line.size(), 3, false), line, 3, false);
        }
    } catch (const killed_here&) {
        doubted = doubt_what_a_roll_over_may_free(before);
    }
    end_life();
    open(model_.next(), std::nullopt);
    MUST_HOLD(!ring_.recovery.machine_crash);
    for (const auto seq : doubted)
        if (!model_.there(seq) && owed(seq, seq))
            MUST_HOLD(model_.at(seq).told);
}

void ring_life::crash(const step& how) {
    if (how.dice % 5 == 0)
        world_.time += ring_filled_fast;
    if (how.a % 4 == 3) { // while it stops
        die_at(how.dice % 12);
        try {
            (void)ring_->close_clean();
        } catch (const killed_here&) {
        }
    }
    const auto before = present();
    if (how.a % 4 == 2) { // while it makes room
        die_at(how.dice % 12);
        try {
            (void)ring_->reserve(envelope_bytes_max);
        } catch (const killed_here&) {
        }
        (void)doubt_what_a_roll_over_may_free(before);
    }
    end_life();
    machine_dies(world_.disk, {how.b % 9, how.dice});
    ++boot_;
    const bool clean = world_.disk.exists(clean_mark);
    if (clean) {
        model_.all_synced();
    } else {
        ++crashes_;
        model_.doubt_unsynced();
    }
    open(clean ? model_.next() : ceiling_ + 1, how.a > 3 ? std::optional(how.a - 4) : std::nullopt);
    MUST_HOLD(how.a > 3 || ring_.recovery.machine_crash == !clean);
}

} // namespace agent::test
