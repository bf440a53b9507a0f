#pragma once
// CRC32C (Castagnoli, RFC 3720 appendix B.4), the check of everything that is stored in mapped files. The
// CPU's instruction where it has one, chosen once at run time; tables otherwise.

#include <cstddef>
#include <cstdint>
#include <span>

namespace agent {

// The checksum of what `before` covers followed by `bytes`; 0 covers nothing.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

// The same by tables only (any CPU); for tests.
std::uint32_t crc32c_by_tables(std::span<const std::byte> bytes, std::uint32_t before = 0);

} // namespace agent
