#pragma once
// The fence of one claim: where and against which token it is sent, and what a mismatch in its answer means.
// A copy of it whose answer was lost may still be on its way to its place; it is looked for there before
// another is sent.

#include "s2/error.hpp"
#include "s2/writer_memory.hpp"

#include <iosfwd>

namespace s2 {

class fence_claim {
public:
    enum class answer {
        again,   // to be sent with what has been learnt
        store,   // the same, once the memory is stored: the stream was deleted and made again under us
        stands,  // it stands at match()
        look,    // what stands at match() has to be read
        shorter, // the stream is shorter than what it had acknowledged
        foreign, // it stands under another writer's token
    };

    explicit fence_claim(std::string token)
        : token_(std::move(token)) {}

    std::uint64_t match() const { return match_; }

    const std::optional<std::string>& condition() const { return condition_; }

    const std::string& token() const { return token_; }

    std::uint64_t position() const { return position_; } // where it stands, once it does

    void aim_at(std::uint64_t tail) { match_ = tail; }

    void expect(std::string token) { condition_ = std::move(token); }

    void may_have_landed() { ambiguous_ = true; }

    void cannot_land() { ambiguous_ = false; }

    void stands_at(std::uint64_t position) {
        position_ = position;
        ambiguous_ = false;
    }

    answer on_mismatch(const error& failure, writer_memory& memory);

    // Whether the claim backs off after that many mismatches, like after any failure.
    bool backs_off() const;

private:
    std::string token_;
    std::uint64_t match_ = 0;
    std::optional<std::string> condition_;
    bool ambiguous_ = false;
    std::uint64_t position_ = 0;
    std::uint32_t mismatches_ = 0;
};

std::ostream& operator<<(std::ostream& out, fence_claim::answer value);

} // namespace s2
