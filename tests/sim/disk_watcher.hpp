#pragma once
// Who sees the names on a disk change, from outside the processes that change them. Names are whole paths.

#include <string>

namespace sim {

class disk_watcher {
public:
    virtual ~disk_watcher() = default;

    // Just before the change, which nothing can prevent any more.
    virtual void about_to_create(const std::string& name) = 0;
    virtual void about_to_rename(const std::string& from, const std::string& to) = 0;
    virtual void about_to_remove(const std::string& name) = 0;
    // The disk was too full for this file (ENOSPC).
    virtual void no_room_for(const std::string& name) = 0;
    // The machine has crashed: what is there is what was left.
    virtual void crashed() = 0;
};

} // namespace sim
