#pragma once
// Files mapped into memory, and anonymous memory with the same face.

#include "net/files.hpp"

namespace net {

// See file_system: a new file with its space allocated, an existing one whole, or memory alone.
result<std::unique_ptr<mapped_file>> create_mapped_file(const std::filesystem::path& file,
                                                        std::uint64_t size);
result<std::unique_ptr<mapped_file>> open_mapped_file(const std::filesystem::path& file);
result<std::unique_ptr<mapped_file>> map_anonymous(std::uint64_t size);

} // namespace net
