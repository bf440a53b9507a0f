#pragma once
// For what a killed process leaves behind: it stays as it is until the program ends. Destructors would act, and
// frozen frames still refer to it.

#include <memory>
#include <utility>
#include <vector>

namespace sim {

template <class T>
void abandon(std::unique_ptr<T>& one) {
    static auto& left = *new std::vector<std::unique_ptr<T>>; // never destroyed itself
    if (one)
        left.push_back(std::move(one));
}

} // namespace sim
