#include "agent/event/special_bytes.hpp"
#include "tests/unit/agent/support/tight_text.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace {

using agent::test::tight;

bool is_special(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80;
}

// What is found in the text behind its first `skipped` bytes, as a list of offsets.
void expect_found(agent::special_finder find, std::string_view text, std::size_t skipped) {
    const tight copy(text);
    const char* from = copy.view().data() + skipped;
    const std::size_t bytes = text.size() - skipped;
    std::vector<std::uint64_t> bits(agent::special_words(bytes), ~std::uint64_t{0});
    find(copy.view().data(), from, bytes, bits.data());
    for (std::size_t i = 0; i < 64 * ((bytes + 63) / 64); ++i) {
        const bool found = bits[i / 64] >> (i % 64) & 1;
        ASSERT_EQ(found, i < bytes && is_special(from[i])) << i << " of " << bytes << " behind " << skipped;
    }
    EXPECT_EQ(bits[(bytes + 63) / 64], 0u);
}

TEST(special_bytes, tells_each_byte_there_is) {
    for (const auto find : agent::special_finders())
        for (int byte = 0; byte < 256; ++byte)
            for (std::size_t bytes : {1u, 63u, 64u, 65u, 150u})
                for (std::size_t at : {std::size_t{0}, bytes / 2, bytes - 1}) {
                    std::string text(bytes, 'a');
                    text[at] = static_cast<char>(byte);
                    expect_found(find, text, 0);
                }
}

TEST(special_bytes, finds_them_in_texts_of_any_length) {
    std::mt19937 random(7);
    const std::string alphabet = "abcd \"\\\n\x7F\x80\xFF";
    for (const auto find : agent::special_finders())
        for (std::size_t bytes = 0; bytes < 300; ++bytes) {
            std::string text(bytes, 'a');
            for (auto& c : text)
                c = alphabet[random() % alphabet.size()];
            for (std::size_t skipped : {std::size_t{0}, bytes / 3, bytes})
                expect_found(find, text, skipped);
        }
}

} // namespace
