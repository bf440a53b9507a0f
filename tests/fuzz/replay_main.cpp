// Stands in for libFuzzer where the corpus and past crashes are only run again: every file of the folders
// that are named.
#include "input.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

int main(int count, char** folders) {
    std::size_t files = 0;
    for (int i = 1; i < count; ++i) {
        if (!std::filesystem::exists(folders[i]))
            continue; // no crash was ever found
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folders[i])) {
            if (!entry.is_regular_file())
                continue;
            std::ifstream file(entry.path(), std::ios::binary);
            const std::string bytes{std::istreambuf_iterator<char>(file), {}};
            // Said first: an abort leaves the name of what led to it.
            std::printf("%s\n", entry.path().c_str());
            std::fflush(stdout);
            const fuzz::tight input(bytes);
            LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.view().data()), bytes.size());
            ++files;
        }
    }
    std::printf("%zu inputs\n", files);
    return files == 0; // a corpus that is not found would pass for ever
}
