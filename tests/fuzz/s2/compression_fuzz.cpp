// Whole bodies: the first byte says which packing and how large a limit, the rest is the body.
#include "s2/frame.hpp"
#include "tests/fuzz/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::steps input(fuzz::text_of(data, size));
    const auto choice = input.byte();
    const auto body = input.rest();
    const auto with = (choice & 1) ? s2::compression::zstd : s2::compression::gzip;
    const std::size_t limit = std::size_t{1} << ((choice >> 1) % 22);

    const auto plain = s2::decompress(body, with, limit);
    if (plain) {
        NET_ASSERT(plain->size() <= limit, "what is inflated is within its limit");
        NET_ASSERT(s2::decompress(body, with, plain->size()) == plain, "the limit itself is allowed");
        if (!plain->empty())
            NET_ASSERT(!s2::decompress(body, with, plain->size() - 1), "one byte over the limit is not");
    }
    const auto packed = s2::compress(body, with);
    NET_ASSERT(s2::decompress(packed, with, body.size()) == body, "what is unpacked is what was packed");
    if (!body.empty())
        NET_ASSERT(!s2::decompress(packed, with, body.size() - 1), "one byte over the limit is not");
    NET_ASSERT(!s2::decompress(std::string_view(packed).substr(0, packed.size() - 1), with, body.size()),
               "a body that is cut off is refused");
    return 0;
}
