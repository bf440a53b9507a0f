// Slots against a plain list of values, over kills and dying machines.
#include "agent/state/slot_file.hpp"
#include "tests/unit/agent/support/machine_crash.hpp"
#include "tests/unit/agent/support/memory_world.hpp"
#include "tests/unit/agent/support/properties.hpp"

namespace agent::test {
namespace {

constexpr std::size_t slots = 3;
constexpr std::size_t value_bytes = 1800; // several sectors per copy
const std::string path = "/state/slots";

enum class slot_act : std::uint8_t { write, erase, sync, kill, write_back, crash };

struct slot_step {
    slot_act what = slot_act::write;
    std::size_t slot = 0;
    std::size_t bytes = 0;
    unsigned reached = 0; // eighths
    std::uint64_t dice = 0;
};

std::ostream& operator<<(std::ostream& out, const slot_step& one) {
    static constexpr const char* names[] = {"write", "erase", "sync", "kill", "write_back", "crash"};
    return out << names[static_cast<std::size_t>(one.what)] << "(slot " << one.slot << ", " << one.bytes
               << " bytes, " << one.reached << "/8, " << one.dice << ")";
}

rc::Gen<slot_step> any_slot_step() {
    using enum slot_act;
    return rc::gen::map(rc::gen::tuple(rc::gen::elementOf(std::vector{write, write, write, write, erase, sync,
                                                                      sync, kill, write_back, crash}),
                                       rc::gen::inRange<std::size_t>(0, slots),
                                       rc::gen::inRange<std::size_t>(0, value_bytes + 1),
                                       rc::gen::inRange(0u, 9u),
                                       rc::gen::noShrink(rc::gen::inRange<std::uint64_t>(0, 1u << 20))),
                        [](const auto& drawn) {
                            return slot_step{std::get<0>(drawn), std::get<1>(drawn), std::get<2>(drawn),
                                             std::get<3>(drawn), std::get<4>(drawn)};
                        });
}

using value = std::optional<std::string>;

class slot_life {
public:
    slot_life() {
        world_.disk.forget_names();
        open();
    }

    void perform(const slot_step& one) {
        auto& written = written_[one.slot];
        switch (one.what) {
        case slot_act::write:
            written.push_back(fresh_value(one.bytes));
            file_->write(one.slot, *written.back());
            break;
        case slot_act::erase:
            written.push_back(std::nullopt);
            file_->erase(one.slot);
            break;
        case slot_act::sync:
            MUST_HOLD(!file_->sync());
            all_synced();
            break;
        case slot_act::kill:
            open();
            all_synced(); // by the start
            break;
        case slot_act::write_back:
            write_back(world_.disk, {one.reached, one.dice});
            break;
        case slot_act::crash:
            file_.reset();
            machine_dies(world_.disk, {one.reached, one.dice});
            open();
            for (std::size_t slot = 0; slot < slots; ++slot)
                after_a_crash(slot);
            break;
        }
        for (std::size_t slot = 0; slot < slots; ++slot) {
            MUST_HOLD(file_->read(slot) == written_[slot].back());
            MUST_HOLD(!file_->damaged(slot));
        }
    }

private:
    void open() {
        file_.reset();
        auto opened = slot_file::open(world_, path, slots, value_bytes);
        MUST_HOLD(opened);
        file_ = std::move(*opened);
    }

    // No two share bytes at the same place: what one write lacks another can't supply.
    std::string fresh_value(std::size_t bytes) {
        std::mt19937_64 random(++values_);
        std::string fresh(bytes, ' ');
        for (auto& one : fresh)
            one = static_cast<char>(random());
        return fresh;
    }

    void all_synced() {
        for (auto& each : written_)
            each.erase(each.begin(), each.end() - 1);
    }

    // What was last synced, or written since; never older, never nothing.
    void after_a_crash(std::size_t slot) {
        auto& written = written_[slot];
        const auto found = file_->read(slot);
        MUST_HOLD(!file_->damaged(slot));
        MUST_HOLD(std::find(written.begin(), written.end(), found) != written.end());
        written.assign(1, found);
    }

    memory_world world_;
    std::unique_ptr<slot_file> file_;
    std::uint64_t values_ = 0;
    std::vector<std::vector<value>> written_ =
        std::vector(slots, std::vector<value>(1)); // since the last sync
};

TEST(slot_file_properties, over_kills_and_crashes) {
    check_property(300, [] {
        const auto steps = *rc::gen::container<std::vector<slot_step>>(any_slot_step());
        slot_life life;
        for (const auto& one : steps)
            life.perform(one);
    });
}

} // namespace
} // namespace agent::test
