#pragma once
// What a machine is short of for a while: descriptors, mappings, space that can be allocated, the right to change a
// directory. A call that needs it is refused with the kernel's own error and changes nothing. What is open, mapped
// or connected already stays so.

#include "net/result.hpp"
#include "tests/sim/faults.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace sim {

// Of a process that the shortage concerns.
enum class call {
    create_mapped,
    open_mapped,
    anonymous,
    open,
    open_new, // a file that may not exist yet
    list,
    read,
    replace,
    sync_directory,
    rename,
    remove,
    create_directory,
    dial,
    accept,
};

class shortages {
public:
    using path = std::filesystem::path;

    // `unchangeable`: the directory that directory_read_only is about.
    shortages(fault_table& counted, path unchangeable)
        : counted_(counted)
        , unchangeable_(std::move(unchangeable))
        , source_(counted.source().fork("shortages")) {}

    static bool is_one(fault which);

    // Refuses so many of the calls that need what lacks. A spell is counted when it refuses the first.
    void begin(fault which, unsigned per_mille);
    void end(fault which);

    void end_all() { spells_.clear(); }

    bool lacks(fault which) const;

    // The error of this call, where it is refused.
    std::optional<net::error_code> refuses(call what, const path& on = {});

    std::function<void(fault)> on_first; // refusal of a spell

private:
    struct spell {
        fault which;
        unsigned per_mille;
        bool fired = false;
    };

    bool concerns(fault which, call what, const path& on) const;
    net::error_code error_of(fault which);

    fault_table& counted_;
    path unchangeable_;
    draw source_;
    std::vector<spell> spells_;
};

} // namespace sim
