#pragma once
// An in-process pair of streams: what one writes the other reads. Each direction holds at most
// capacity_bytes; a writer waits while it is full. After a close (or the end) of one side the other reads
// what is left, then eof, and its writes end with broken_pipe.

#include "net/environment.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace net {

std::pair<std::unique_ptr<stream>, std::unique_ptr<stream>> make_pipe(environment& env,
                                                                      std::size_t capacity_bytes);

} // namespace net
