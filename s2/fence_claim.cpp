#include "s2/fence_claim.hpp"

#include <algorithm>
#include <ostream>

namespace s2 {
namespace {

constexpr std::uint32_t tries_at_once = 8;

} // namespace

bool fence_claim::backs_off() const {
    return mismatches_ % tries_at_once == 0;
}

fence_claim::answer fence_claim::on_mismatch(const error& failure, writer_memory& memory) {
    ++mismatches_;
    if (failure.fencing_token_mismatch) {
        const std::string& standing = *failure.fencing_token_mismatch;
        if (standing == token_)
            return ambiguous_ ? answer::stands : answer::foreign;
        if (std::find(memory.tokens.begin(), memory.tokens.end(), standing) == memory.tokens.end())
            return answer::foreign;
        condition_ = standing;
        return answer::again;
    }
    const std::uint64_t tail = failure.seq_num_mismatch.value_or(match_);
    if (memory.claimed && tail < memory.durable)
        return answer::shorter;
    if (ambiguous_ && tail > match_)
        return answer::look;
    match_ = tail;
    if (!memory.first_tail || tail >= *memory.first_tail)
        return answer::again;
    memory.first_tail = tail; // nothing below is of the first attempt
    return answer::store;
}

std::ostream& operator<<(std::ostream& out, fence_claim::answer value) {
    constexpr std::string_view names[] = {"again", "store", "stands", "look", "shorter", "foreign"};
    return out << names[static_cast<std::size_t>(value)];
}

} // namespace s2
