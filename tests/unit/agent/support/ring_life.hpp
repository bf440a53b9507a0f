#pragma once
// A ring in its world beside the model of what it must hold, and the steps of a case performed on both.

#include "journal_model.hpp"
#include "ring_steps.hpp"

#include <array>
#include <memory>
#include <optional>

namespace agent::test {

class ring_life final : public ring_retention {
public:
    explicit ring_life(const ring_case& from);
    ~ring_life() override;

    void perform(const step& one);
    void check_all();

    // --- ring_retention
    bool owed(seq_t first, seq_t last) const override {
        return last >= owed_from_ || (parked_from_ <= last && first <= parked_to_);
    }

    void letting_go(std::uint64_t generation, seq_t first, seq_t last) override;

private:
    struct killed_here {};

    struct held {
        std::unique_ptr<ring_hold> it;
        seq_t seen = 0; // one of it, seen once: its bytes stay where they are
        std::string_view line;
    };

    struct reader {
        seq_t position = 1;
        std::unique_ptr<ring_cursor> it;
    };

    using segments = std::vector<seq_t>; // by first seq

    // ring_life.cpp: one life to the next
    void open(seq_t next_expected, std::optional<unsigned> killed_at);
    void end_life();
    void die_at(unsigned call);
    void stop(const step& how);
    void kill(const step& how);
    void kill_publish(const step& how);
    void crash(const step& how);
    std::vector<seq_t> doubt_what_a_roll_over_may_free(const segments& before);
    void keep_seqs_ahead();

    // ring_life_steps.cpp: within one
    void publish(unsigned size_drawn, std::uint64_t dice);
    std::size_t size_of(unsigned drawn, std::uint64_t dice);
    std::string content(std::size_t bytes, std::uint64_t dice);
    void published(const ring_entry& entry, std::string line, std::uint32_t session, bool own);
    void went(const segments& before, seq_t history, bool disk_short);
    void must_not_be_refused(bool disk_short) const;
    void hold(const step& how);
    void change_hold(const step& how);
    void check_holds();
    void check_counts(seq_t first, seq_t last);
    void acknowledge(const step& how);
    void limit_disk(unsigned segments_left); // ~0: no limit
    void read(const step& how);

    segments present() const;
    seq_t some_seq(unsigned drawn) const; // of those that the ring spans, or a little ahead
    bool held_range(seq_t first, seq_t last) const;
    bool holds_some_of(seq_t first, seq_t last) const; // of what is there
    bool anything_owed_or_held() const;

    memory_world world_;
    ring_options options_;
    journal_model model_;
    opened ring_;
    std::vector<held> holds_;
    std::array<reader, 2> readers_;
    std::vector<seq_t> told_;
    seq_t owed_from_ = 1;
    seq_t parked_from_ = 1;
    seq_t parked_to_ = 0;
    seq_t ceiling_ = 0;
    std::size_t head_end_ = 0; // 0: not known since the last start
    unsigned boot_ = 1;
    unsigned crashes_ = 0;
    bool disk_limited_ = false;
};

} // namespace agent::test
