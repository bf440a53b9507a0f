#pragma once
// What the parts stand on: events, the same ones in the shapes that they take on their way, and the real
// world with a ring in it.

#include "agent/session/capture.hpp"
#include "net/system/environment.hpp"
#include "s2/protobuf.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

constexpr std::string_view session_id = "01234567-89ab-4def-8123-456789abcdef";

// Ends the program where a part does not do what it is measured for.
[[noreturn]] void give_up(std::string_view what);

inline void must(bool holds, std::string_view what) {
    if (!holds)
        give_up(what);
}

// scripts/generate-events 10000, and the recording of a real browser (tests/data). Without newlines.
const std::vector<std::string_view>& generated_events();
const std::vector<std::string_view>& recorded_events();
// The text that the generated events are the lines of.
std::string_view generated_text();
// The generated events as envelopes.
const std::vector<std::string_view>& envelopes();
// The envelopes as records of S2, and in the frames of an append session: full batches.
const std::vector<s2::record_view>& records();
const std::vector<std::string>& frames();
void append_frame(std::span<const s2::record_view> batch, std::string& out);

std::uint64_t bytes_of(const std::vector<std::string_view>& texts);

struct world {
    net::asio::io_context loop{1};
    net::system_environment env{loop};

    void run(std::function<net::task<void>()> body); // to its end
};

// Files that go with it.
class scratch_directory {
public:
    scratch_directory();
    ~scratch_directory();
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// In memory without a directory. Nothing is owed, so it never refuses: the oldest segments go.
std::unique_ptr<agent::ring> open_ring(net::environment& env, const std::filesystem::path& dir = {});

// An active capture session over a ring in memory.
class recording final : public agent::placement {
public:
    recording();

    world real;
    std::unique_ptr<agent::ring> journal;
    std::unique_ptr<agent::session_table> sessions;
    agent::capture into;

    void publish_generated(); // all of them

    static agent::place place();

    static std::string stream() { return "bench"; }

    agent::session_part place_session(std::string_view id, agent::seq_t from_seq) override;

    bool owes(const agent::session_record&) const override { return false; }
};

} // namespace bench
