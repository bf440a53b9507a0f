// Into the ring and out of it. In memory a reader trusts what was written under the same mapping; on files it
// maps again the segments that were let go, and checks each frame.

#include "bench/micro/kit.hpp"
#include "bench/micro/part.hpp"

#include <cstring>

namespace bench {
namespace {

struct journal {
    explicit journal(const std::filesystem::path& dir = {})
        : ring(open_ring(real.env, dir)) {}

    world real;
    std::unique_ptr<agent::ring> ring;

    work publish() {
        for (const auto line : envelopes()) {
            const auto room = ring->reserve(line.size());
            must(!room.empty(), "the ring has room");
            std::memcpy(room.data(), line.data(), line.size());
            ring->commit(line.size(), 1, false);
        }
        return {envelopes().size(), bytes_of(envelopes())};
    }

    work read() {
        agent::ring_cursor cursor(*ring, 1);
        work done;
        auto item = cursor.next();
        for (; !std::holds_alternative<agent::ring_cursor::nothing>(item); item = cursor.next()) {
            const auto* entry = std::get_if<agent::ring_entry>(&item);
            must(entry != nullptr, "there is no gap");
            ++done.events;
            done.bytes += entry->line.size();
        }
        must(done.events == envelopes().size(), "everything is there");
        return done;
    }
};

struct file_journal {
    scratch_directory files;
    journal in{files.path()};
};

round_function prepare_publish() {
    return [to = std::make_shared<journal>()] { return to->publish(); };
}

round_function prepare_publish_file() {
    return [to = std::make_shared<file_journal>()] { return to->in.publish(); };
}

round_function prepare_read() {
    auto from = std::make_shared<journal>();
    from->publish();
    return [from] { return from->read(); };
}

round_function prepare_read_file() {
    auto from = std::make_shared<file_journal>();
    from->in.publish();
    return [from] { return from->in.read(); };
}

const registered_part publishing("ring/publish", prepare_publish);
const registered_part publishing_file("ring/publish_file", prepare_publish_file);
const registered_part reading("ring/read", prepare_read);
const registered_part reading_file("ring/read_file", prepare_read_file);

} // namespace
} // namespace bench
