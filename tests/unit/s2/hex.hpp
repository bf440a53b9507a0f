#pragma once
// Bytes as the protocol reference writes them: "00 00 1f 00".

#include <cctype>
#include <string>
#include <string_view>

namespace s2::test {

inline std::string bytes_of(std::string_view hex) {
    std::string bytes;
    std::string digits;
    for (const char each : hex) {
        if (std::isspace(static_cast<unsigned char>(each)))
            continue;
        digits.push_back(each);
        if (digits.size() == 2) {
            bytes.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
            digits.clear();
        }
    }
    return bytes;
}

} // namespace s2::test
