#include "tests/sim/journaled_names.hpp"

#include <algorithm>
#include <utility>

namespace sim {

std::string parent_of(const std::string& name) {
    const auto slash = name.rfind('/');
    return slash == 0 ? "/" : name.substr(0, slash);
}

journaled_names::journaled_names() {
    now_["/"] = durable_["/"] = nullptr;
}

void journaled_names::link(const std::string& name, file_ptr file) {
    make({{}, name, std::move(file)});
}

void journaled_names::rename(const std::string& from, const std::string& to) {
    make({from, to, nullptr});
}

void journaled_names::remove(const std::string& name) {
    make({name, {}, nullptr});
}

void journaled_names::make(change what) {
    apply(now_, what);
    journal_.push_back(std::move(what));
    if (journal_.size() > changes_max)
        commit(1);
}

void journaled_names::apply(map& to, const change& what) {
    auto file = what.file;
    if (!what.from.empty()) {
        file = to.at(what.from);
        to.erase(what.from);
    }
    if (!what.to.empty())
        to[what.to] = std::move(file);
}

void journaled_names::commit(std::size_t count) {
    for (; count > 0; --count) {
        apply(durable_, journal_.front());
        journal_.pop_front();
    }
}

void journaled_names::sync(const std::string& dir) {
    const auto newest = std::find_if(journal_.rbegin(), journal_.rend(), [&](const change& each) {
        return each.to == dir || (!each.from.empty() && parent_of(each.from) == dir) ||
               (!each.to.empty() && parent_of(each.to) == dir);
    });
    commit(static_cast<std::size_t>(journal_.rend() - newest));
}

void journaled_names::crash(draw& source) {
    commit(source.below(journal_.size() + 1));
    journal_.clear();
    now_ = durable_;
}

void journaled_names::crash_unwritten() {
    journal_.clear();
    now_ = durable_;
}

journaled_names journaled_names::copy(const std::function<file_ptr(const file_ptr&)>& copy_of) const {
    journaled_names fresh = *this;
    for (auto* names : {&fresh.now_, &fresh.durable_})
        for (auto& [name, file] : *names)
            file = copy_of(file);
    for (auto& each : fresh.journal_)
        each.file = copy_of(each.file);
    return fresh;
}

} // namespace sim
