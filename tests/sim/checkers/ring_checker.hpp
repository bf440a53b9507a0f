#pragma once
// Invariants 2 and 4 at the ring, from outside: a segment that holds envelopes which S2 lacks goes only where the ring
// is at its capacity, or where the disk was full since the last roll-over, and then one a roll-over. What goes in
// order is told to the ledger: nothing else may be told as dropped for want of room.
//
// A segment goes when its file is removed, or renamed to become another one. Blanked where it stands it is lost
// without need, whatever the ring's fill. What it held is read out of it when the next one is begun.

#include "agent/ring/header.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/ledger.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace sim {

class ring_checker final : public disk_watcher {
public:
    using told = std::function<void(const std::string&)>;

    // On the disk that it watches. `wrong` is told what must not be; it may be called within an agent's call.
    ring_checker(const disk& on, ledger& book, std::uint64_t capacity_bytes, told wrong, told say);

    // Its disk is a copy of that one's.
    void go_on_from(const ring_checker& other) {
        sealed_ = other.sealed_;
        after_crash_ = other.after_crash_;
    }

    void about_to_create(const std::string& name) override;
    void about_to_rename(const std::string& from, const std::string& to) override;
    void about_to_remove(const std::string& name) override;
    void no_room_for(const std::string& name) override;
    void crashed() override;

    // Whether each segment still is what it was. For whoever looks in between.
    void look();
    // The ledger learns the session of each event that the ring holds by now.
    void learn() const;

private:
    struct held {
        std::uint64_t generation = 0; // of its header
        std::set<std::uint64_t> numbers;
    };

    std::vector<std::pair<std::string, file_ptr>> segments() const;
    held read(stored_file& file) const;
    void learn_sealed(bool newest_too);
    void look_beside(const std::string& leaving);
    void lost_in_place(const std::string& name, const held& known);
    std::uint64_t mark_gone(const held& known); // how many of them S2 lacks
    void goes(const std::string& name, stored_file& file, std::string_view how);
    void note_seqs(const std::string& name, bool torn);
    void rolled_over();

    const disk& on_;
    ledger& book_;
    std::uint64_t capacity_bytes_;
    told wrong_;
    told say_;
    std::map<std::uint64_t, held> sealed_; // by the file's number
    std::set<std::uint64_t> after_crash_;  // files that a crash of the machine may have torn
    bool disk_was_full_ = false;           // since the last roll-over
    unsigned gone_ = 0;                    // since then, that S2 lacked
};

} // namespace sim
