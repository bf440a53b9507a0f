#pragma once
// The names on a disk, twice: as processes see them, and as they stand on the medium. Every change goes into
// one ordered journal between the two; from its front it becomes durable.

#include "tests/sim/draw.hpp"
#include "tests/sim/stored_file.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace sim {

class journaled_names {
public:
    // Absolute, without a slash at the end; a directory has no file. "/" is always there.
    using map = std::map<std::string, file_ptr>;
    static constexpr std::size_t changes_max = 256; // then the oldest becomes durable by itself

    journaled_names();

    const map& now() const { return now_; }

    void link(const std::string& name, file_ptr file);           // replaces; no file: a directory
    void rename(const std::string& from, const std::string& to); // replaces
    void remove(const std::string& name);

    // Everything up to the newest change in this directory, or of it.
    void sync(const std::string& dir);

    // A random prefix of the journal survives.
    void crash(draw& source);
    void crash_unwritten(); // nothing of it does

    journaled_names copy(const std::function<file_ptr(const file_ptr&)>& copy_of) const;

private:
    struct change {
        std::string from; // of a renaming or removal
        std::string to;   // of a renaming or a new name
        file_ptr file;
    };

    static void apply(map& to, const change& what);
    void make(change what);
    void commit(std::size_t count);

    map now_;
    map durable_;
    std::deque<change> journal_; // from durable_ to now_
};

std::string parent_of(const std::string& name);

} // namespace sim
