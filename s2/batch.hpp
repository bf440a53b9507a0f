#pragma once
// One batch on its way to a stream, whole: the only object that stands for it, in the writer's one queue.

#include "s2/protobuf.hpp"

#include <memory>
#include <span>

namespace s2 {

// What the owner put into it. The writer keeps it, and hands it back with the news that it is durable.
class batch_content {
public:
    virtual ~batch_content() = default;
    // Stay where they are until then.
    virtual std::span<const record_view> views() const = 0;
    virtual std::uint64_t metered_size() const = 0;
};

struct batch {
    std::unique_ptr<batch_content> content;
    std::uint64_t match = 0;
    std::uint64_t records = 0;
    std::uint64_t metered_bytes = 0;
    std::uint64_t whole_at = 0; // once its session has handed over so many bytes; known when it is sent

    std::uint64_t end() const { return match + records; }
};

} // namespace s2
