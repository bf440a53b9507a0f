// A ring of two segments that was killed, then damaged by steps, then opened: what is yielded is what was
// published.
#include "agent/ring/frame.hpp"
#include "agent/ring/header.hpp"
#include "agent/ring/ring.hpp"
#include "agent/ring/segment.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/unit/agent/support/memory_world.hpp"

#include <map>

namespace {

using agent::seq_t;
using agent::test::memory_files;
using agent::test::memory_world;

constexpr seq_t published = 220;
constexpr std::size_t steps_max = 8;
const agent::ring_options options{"/ring", 16 * 1024 * 1024, 2 * 1024 * 1024};

struct frame_place {
    std::string file;
    std::size_t offset;
    std::size_t bytes;
};

std::string line_of(seq_t seq) {
    std::string line = "{\"seq\":" + std::to_string(seq) + ",\"fill\":\"";
    line.resize(seq % 10 == 0 ? 100'000 : 40 + seq * 37 % 1500, static_cast<char>('a' + seq % 23));
    return line;
}

void publish(agent::ring& to, std::string_view line) {
    const auto room = to.reserve(line.size());
    NET_ASSERT(room.size() >= line.size(), "a ring that is not full takes an envelope");
    std::copy(line.begin(), line.end(), room.begin());
    (void)to.commit(line.size(), 7, false);
}

struct original {
    std::map<std::string, memory_files::content_ptr> files;
    std::string boot;
    std::map<seq_t, std::string> lines;
    std::vector<frame_place> frames;

    original() {
        memory_world world;
        boot = world.boot;
        agent::ring_recovery recovery;
        const auto ring = agent::ring::open(world, options, 0, recovery);
        for (seq_t seq = 1; seq <= published; ++seq)
            publish(**ring, lines[seq] = line_of(seq));
        agent::ring_cursor cursor(**ring, 1);
        for (auto item = cursor.next(); const auto* entry = std::get_if<agent::ring_entry>(&item);
             item = cursor.next())
            for (const auto& [name, one] : world.disk.all) {
                const auto bytes = one->bytes();
                const auto* at = reinterpret_cast<const std::byte*>(entry->line.data());
                if (at >= bytes.data() && at < bytes.data() + bytes.size())
                    frames.push_back({name,
                                      static_cast<std::size_t>(at - bytes.data()) - agent::frame_head_bytes,
                                      agent::frame_bytes(entry->line.size())});
            }
        files = world.disk.copy();
    }
};

const original& undamaged() {
    static const original made;
    return made;
}

class damage {
public:
    damage(fuzz::steps& input, memory_world& world)
        : input_(input)
        , disk_(world.disk)
        , world_(world) {}

    void step() {
        const auto what = input_.byte() % 10;
        if (what == 8)
            return write_mark();
        if (what == 9) {
            world_.boot = "boot-2";
            return;
        }
        auto place = chosen();
        if (!disk_.all.contains(place.file))
            return; // removed or renamed before
        auto bytes = disk_.bytes(place.file);
        place.offset = std::min(place.offset, bytes.size());
        const auto from_here = bytes.subspan(place.offset);
        switch (what) {
        case 0:
        case 1:
            if (!from_here.empty())
                from_here[0] ^= static_cast<std::byte>(input_.byte());
            return;
        case 2:
            std::fill_n(from_here.begin(), std::min<std::size_t>(from_here.size(), input_.number(2)),
                        std::byte{0});
            return;
        case 3: {
            const auto text = input_.bytes(std::min<std::size_t>(from_here.size(), input_.byte()));
            std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), from_here.begin());
            return;
        }
        case 4:
            return copy_frame(from_here);
        case 5:
            return disk_.all.at(place.file)->resize(place.offset);
        case 6:
            disk_.all.erase(place.file);
            return;
        default: {
            const auto seq = input_.number(input_.byte() % 8 == 0 ? 8 : 1);
            NET_ASSERT(!disk_.rename(place.file, "/ring/" + agent::segment_name(seq)),
                       "what is there can be renamed");
            return;
        }
        }
    }

private:
    frame_place chosen() {
        const auto& frames = undamaged().frames;
        auto place = frames[input_.byte() % frames.size()];
        if (input_.byte() % 4 == 0)
            place.offset = input_.number(2) % agent::ring_header_bytes;
        else
            place.offset += input_.byte() % 64;
        return place;
    }

    // A frame of another place, whole, where a frame could stand.
    void copy_frame(std::span<std::byte> to) {
        const auto& frames = undamaged().frames;
        const auto& from = frames[input_.byte() % frames.size()];
        if (!disk_.all.contains(from.file))
            return;
        const auto bytes = disk_.bytes(from.file);
        if (from.offset + from.bytes > bytes.size())
            return;
        std::memmove(to.data(), bytes.data() + from.offset, std::min(to.size(), from.bytes));
    }

    void write_mark() {
        const auto* name = input_.byte() % 2 ? "/ring/clean" : "/ring/boot";
        NET_ASSERT(!disk_.replace(name, input_.bytes(input_.byte()), 0600), "a mark can be written");
    }

    fuzz::steps& input_;
    memory_files& disk_;
    memory_world& world_;
};

// Every seq below the next one, in order, as an entry or within a gap. Entries are what was published, before
// the damage or `later`.
std::vector<seq_t> read_all(agent::ring& ring, const std::map<seq_t, std::string>& later) {
    std::vector<seq_t> found;
    agent::ring_cursor cursor(ring, 1);
    seq_t expected = 1;
    for (;;) {
        const auto item = cursor.next();
        if (const auto* entry = std::get_if<agent::ring_entry>(&item)) {
            NET_ASSERT(entry->seq == expected, "entries come in order, and once");
            const auto& lines = later.contains(entry->seq) ? later : undamaged().lines;
            const auto line = lines.find(entry->seq);
            NET_ASSERT(line != lines.end() && entry->line == line->second, "what is yielded was published");
            found.push_back(entry->seq);
            ++expected;
        } else if (const auto* gap = std::get_if<agent::ring_gap>(&item)) {
            NET_ASSERT(gap->from_seq == expected && gap->to_seq >= expected, "a gap says what is missing");
            NET_ASSERT(gap->reason != agent::gap_reason::none, "a gap says why");
            expected = gap->to_seq + 1;
        } else {
            break;
        }
    }
    NET_ASSERT(expected == ring.next_seq(), "a cursor comes to the end");
    return found;
}

std::unique_ptr<agent::ring> open(memory_world& world, seq_t ceiling, agent::ring_recovery& recovery) {
    auto opened = agent::ring::open(world, options, ceiling, recovery);
    NET_ASSERT(opened, "a damaged ring opens");
    return std::move(*opened);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::steps input(fuzz::text_of(data, size));
    memory_world world(99);
    world.boot = undamaged().boot;
    for (const auto& [name, one] : undamaged().files)
        world.disk.all[name] = std::make_shared<memory_files::content>(*one);
    const auto ceiling = input.number(2);
    for (std::size_t step = 0; step < steps_max && !input.over(); ++step)
        damage(input, world).step();

    agent::ring_recovery recovery;
    std::map<seq_t, std::string> later;
    std::vector<seq_t> seqs;
    {
        const auto ring = open(world, ceiling, recovery);
        seqs = read_all(*ring, later);
        NET_ASSERT(!recovery.machine_crash || ring->next_seq() > ceiling,
                   "after a crash numbers go on behind the ceiling");
        seqs.push_back(ring->next_seq());
        later[ring->next_seq()] = "new";
        publish(*ring, "new");
        NET_ASSERT(read_all(*ring, later) == seqs, "what is published is read");
        NET_ASSERT(!ring->close_clean(), "a ring that was damaged can be closed");
    }
    const auto ring = open(world, ceiling, recovery);
    NET_ASSERT(recovery.clean && !recovery.machine_crash, "what was closed clean is clean");
    NET_ASSERT(ring->next_seq() == seqs.back() + 1 && read_all(*ring, later) == seqs,
               "what was closed clean is all there");
    return 0;
}
