#pragma once
// What a ring must hold, told without segments: each seq ever given out, its bytes, and whether it must be
// there, must be gone (and why), or may be either until the next look decides it.

#include "properties.hpp"
#include "ring_kit.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace agent::test {

class journal_model {
public:
    enum class presence : std::uint8_t { there, gone, either };

    struct known {
        std::shared_ptr<const std::string> line; // none: a seq that numbering skipped
        std::uint32_t session = 0;
        bool own = false;
        presence is = presence::gone;
        unsigned reasons = 0; // that a gap over it may have, as bits
        bool synced = false;
        bool told = false; // its going was told while it was owed
    };

    bool many_gaps = false; // perhaps more than a header tells apart

    static unsigned bit(gap_reason reason) { return 1u << static_cast<unsigned>(reason); }

    static constexpr unsigned any_reason = ~0u;

    seq_t next() const { return seqs_.size(); }

    known& at(seq_t seq) { return seqs_.at(seq); }

    const known& at(seq_t seq) const { return seqs_.at(seq); }

    bool there(seq_t seq) const { return seq < seqs_.size() && seq > 0 && seqs_[seq].is == presence::there; }

    void add(std::string line, std::uint32_t session, bool own) {
        seqs_.push_back(
            {std::make_shared<const std::string>(std::move(line)), session, own, presence::there});
    }

    void skip_to(seq_t next) {
        while (seqs_.size() < next)
            seqs_.push_back({nullptr, 0, false, presence::gone, bit(gap_reason::machine_crash)});
    }

    void must_be(const ring_entry& entry) const {
        MUST_HOLD(entry.seq < seqs_.size());
        const auto& one = seqs_[entry.seq];
        MUST_HOLD(one.line != nullptr);
        MUST_HOLD(one.is != presence::gone);
        MUST_HOLD(entry.line.size() == one.line->size());
        MUST_HOLD((entry.line == *one.line));
        MUST_HOLD(entry.session == one.session);
        MUST_HOLD(entry.own == one.own);
    }

    void must_be(const ring_gap& gap) const {
        MUST_HOLD(gap.from_seq <= gap.to_seq);
        MUST_HOLD(gap.to_seq < seqs_.size());
        for (seq_t seq = gap.from_seq; seq <= gap.to_seq; ++seq) {
            const auto& one = seqs_[seq];
            const unsigned reasons = one.reasons | (many_gaps ? bit(gap_reason::capacity) : 0);
            const bool may_be_gone = one.is != presence::there && (reasons & bit(gap.reason)) != 0;
            if (!may_be_gone)
                RC_FAIL(
                    "seq " + std::to_string(seq) + " lies in the gap " + std::to_string(gap.from_seq) + ".." +
                    std::to_string(gap.to_seq) + " " + std::string(name_of(gap.reason)) +
                    (one.is == presence::there ? ", and must be there" : ", and is gone for another reason"));
        }
    }

    // Reads on; what may be either is decided by what is found, when `decide`.
    void read(ring_cursor& cursor, std::size_t items, bool decide) {
        while (items-- > 0) {
            const seq_t position = cursor.position();
            const auto item = cursor.next();
            if (const auto* entry = std::get_if<ring_entry>(&item)) {
                MUST_HOLD(entry->seq == position);
                must_be(*entry);
                if (decide)
                    seqs_[entry->seq].is = presence::there;
            } else if (const auto* gap = std::get_if<ring_gap>(&item)) {
                MUST_HOLD(gap->from_seq == position);
                must_be(*gap);
                // Damage that a dying machine did may be told by a later start as what it was.
                unsigned reasons = bit(gap->reason);
                if (gap->reason == gap_reason::damage)
                    reasons |= bit(gap_reason::machine_crash);
                for (seq_t seq = gap->from_seq; decide && seq <= gap->to_seq; ++seq)
                    go(seq, reasons);
            } else {
                MUST_HOLD(position >= next());
                return;
            }
        }
    }

    void read_all(ring& from, bool decide = false) {
        ring_cursor cursor(from, 1);
        read(cursor, ~std::size_t{0}, decide);
    }

    void go(seq_t seq, unsigned reasons) {
        seqs_[seq].is = presence::gone;
        seqs_[seq].reasons = reasons;
    }

    // The machine dies: what was synced and is there stays, all else may be as it was at any time.
    void doubt_unsynced() {
        for (auto& one : seqs_)
            if (!(one.is == presence::there && one.synced)) {
                one.is = one.line ? presence::either : presence::gone;
                one.reasons = any_reason;
            }
    }

    void gone_may_be_told_as(gap_reason reason) {
        for (auto& one : seqs_)
            one.reasons |= bit(reason);
    }

    void all_synced() {
        for (auto& one : seqs_)
            one.synced = one.is == presence::there;
    }

private:
    std::vector<known> seqs_ = std::vector<known>(1); // by seq; 0 is none
};

} // namespace agent::test
