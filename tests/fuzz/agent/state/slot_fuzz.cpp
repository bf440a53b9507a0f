// A slot file, written, damaged and opened again by steps: a slot yields what was written to it, or nothing.
#include "agent/state/slot_file.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/unit/agent/support/memory_world.hpp"

#include <array>
#include <set>

namespace {

constexpr std::size_t slots = 3;
constexpr std::size_t value_bytes_max = 40;
constexpr const char* path = "/state/slots";

class model {
public:
    explicit model(fuzz::steps input)
        : input_(input) {
        open();
    }

    void run() {
        while (!input_.over() && file_) {
            step();
            check();
        }
    }

private:
    struct slot {
        std::set<std::string> ever;
        std::optional<std::string> now;
        bool damaged = false; // since the last two writes
    };

    void open() {
        file_.reset();
        auto opened = agent::slot_file::open(world_, path, slots, value_bytes_max);
        NET_ASSERT(opened || opened.error() == net::make_error_code(net::error::corrupt),
                   "a file of another geometry is refused, and nothing else");
        if (opened)
            file_ = std::move(*opened);
    }

    void step() {
        const auto what = input_.byte() % 8;
        const std::size_t at = input_.byte() % slots;
        auto& expected = model_[at];
        if (what < 3) {
            const std::string value(input_.bytes(input_.byte() % (value_bytes_max + 1)));
            file_->write(at, value);
            expected.ever.insert(value);
            expected.now = value;
        } else if (what == 3) {
            file_->erase(at);
            expected.now.reset();
        } else if (what == 4) {
            open();
        } else {
            const auto bytes = world_.disk.bytes(path);
            auto& byte = bytes[input_.number(2) % bytes.size()];
            const auto flip = static_cast<std::byte>(input_.byte());
            byte ^= flip;
            for (auto& each : model_)
                each.damaged = each.damaged || flip != std::byte{0};
        }
    }

    void check() {
        if (!file_)
            return;
        for (std::size_t at = 0; at < slots; ++at) {
            const auto value = file_->read(at);
            const auto& expected = model_[at];
            if (!expected.damaged)
                NET_ASSERT(value == expected.now && !file_->damaged(at),
                           "a slot holds what was written last");
            NET_ASSERT(!value || expected.ever.contains(*value), "a slot yields only what was written to it");
            NET_ASSERT(!value || !file_->damaged(at), "a damaged slot yields nothing");
        }
    }

    fuzz::steps input_;
    agent::test::memory_world world_;
    std::unique_ptr<agent::slot_file> file_;
    std::array<slot, slots> model_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    model(fuzz::steps(fuzz::text_of(data, size))).run();
    return 0;
}
