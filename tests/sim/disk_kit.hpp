#pragma once
// A machine's disk with one process on it, and what a crash would leave.

#include "tests/sim/disk.hpp"
#include "tests/sim/process_files.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sim::test {

namespace errc = boost::system::errc;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr std::uint64_t seeds = 400; // enough for each outcome of a draw among a few to come up

inline void fill(net::mapped_file& mapped, std::size_t page, char with) {
    const auto bytes = mapped.bytes().subspan(page * page_bytes, page_bytes);
    std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(with));
}

inline std::string page_of(const disk& on, const disk::path& file, std::size_t page) {
    return on.read(file).value().substr(page * page_bytes, page_bytes);
}

class disk_test : public testing::Test {
protected:
    std::shared_ptr<disk> storage = std::make_shared<disk>();
    std::unique_ptr<process_files> files = std::make_unique<process_files>(storage);

    disk_test() {
        EXPECT_FALSE(files->create_directories("/s/ring", 0700));
        EXPECT_FALSE(files->sync_directory("/s/ring"));
    }

    std::unique_ptr<net::mapped_file> create(const disk::path& file, std::uint64_t size) {
        auto made = files->create_mapped(file, size);
        EXPECT_TRUE(made) << made.error().message();
        return std::move(*made);
    }

    std::unique_ptr<net::file> open(const disk::path& file) {
        auto opened = files->open(file, true);
        EXPECT_TRUE(opened) << opened.error().message();
        return std::move(*opened);
    }

    void restart() { files = std::make_unique<process_files>(storage); }

    // What the disk is after a crash now, under this seed; the disk itself goes on.
    std::shared_ptr<disk> crashed(std::uint64_t seed) const {
        auto copy = storage->clone();
        draw source(seed);
        copy->crash(source);
        return copy;
    }
};

} // namespace sim::test
