#pragma once
// Undoes the content-encoding of a body, piece by piece, in bounded memory: gzip (several members behind each
// other, too) and zstd (windows of up to 8 MiB, as RFC 8878 asks of everybody). No I/O.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace agent {

class unpacker {
public:
    struct step {
        std::size_t taken = 0;
        std::size_t made = 0;
        bool broken = false; // not this encoding, or damaged
    };

    virtual ~unpacker() = default;
    virtual step unpack(std::string_view packed, std::span<char> into) = 0;
    // Nothing is begun and not ended: the body may end here.
    virtual bool complete() const = 0;

    // Nothing: an encoding that nobody here undoes.
    struct kind {
        std::uint64_t (*memory_bytes)(std::string_view begin); // of one for a body that begins so
        std::size_t begin_bytes;                               // enough to tell, where there are so many
        std::unique_ptr<unpacker> (*make)(std::string_view begin);
    };

    static const kind* find(std::string_view encoding);
};

} // namespace agent
