#include "agent/state/slot_file.hpp"

#include "agent/ring/crc32c.hpp"
#include "agent/ring/words.hpp"
#include "net/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace agent {
namespace {

// One page with the geometry, then per slot three copies, each a head and the value, each on sectors of its
// own.
constexpr std::uint64_t magic_and_version = 0x0002'746f'6c73'74ff; // FF "tslot", version 2
constexpr std::size_t copies = 3;
constexpr std::size_t header_bytes = 4096;
constexpr std::size_t sector_bytes = 512;

struct file_head {
    std::uint64_t last; // magic_and_version
    std::uint64_t slots;
    std::uint64_t value_bytes_max;
    std::uint64_t crc; // over the two
};

// On a sector of its own. Where it does not hold, every slot is looked at.
struct slot_mark {
    std::uint64_t slots;
    std::uint64_t complement;
};

constexpr std::size_t slot_mark_at = sector_bytes;
constexpr std::size_t mark_ahead = 4; // of what is in use; raised when half of it is left

struct copy_head {
    std::uint64_t last;   // the turn: the higher whole one counts; 0: nothing written
    std::uint32_t length; // or length_erased
    std::uint32_t crc;    // over turn, length, slot, geometry and value
};

static_assert(sizeof(copy_head) == 16);

constexpr std::uint32_t length_erased = 0xffffffff;

std::size_t copy_bytes(std::size_t value_bytes_max) {
    return (sizeof(copy_head) + value_bytes_max + sector_bytes - 1) / sector_bytes * sector_bytes;
}

std::size_t copy_at(std::size_t slot, std::size_t copy, std::size_t value_bytes_max) {
    return header_bytes + (copies * slot + copy) * copy_bytes(value_bytes_max);
}

std::uint64_t head_check(const file_head& head) {
    const std::array<std::uint64_t, 2> words{head.slots, head.value_bytes_max};
    return crc32c(std::as_bytes(std::span(words)));
}

bool head_holds(const file_head& head) {
    return head.last == magic_and_version && head.crc == head_check(head);
}

std::uint32_t copy_check(std::size_t slot, std::size_t value_bytes_max, const copy_head& head,
                         std::span<const std::byte> value) {
    const std::array<std::uint64_t, 4> words{slot, value_bytes_max, head.last, head.length};
    return crc32c(value, crc32c(std::as_bytes(std::span(words))));
}

struct copy_state {
    std::uint64_t said = 0; // its turn, whole or not; 0: nothing was finished here
    std::uint64_t turn = 0; // of a whole copy; else 0
    bool erased = false;
    std::span<const std::byte> value;
};

copy_state look(std::span<const std::byte> bytes, std::size_t slot, std::size_t copy,
                std::size_t value_bytes_max) {
    const std::size_t at = copy_at(slot, copy, value_bytes_max);
    const auto head = load_at<copy_head>(bytes, at);
    copy_state found;
    found.said = head.last;
    found.erased = head.length == length_erased;
    if (head.last == 0 || (!found.erased && head.length > value_bytes_max))
        return found;
    found.value = bytes.subspan(at + sizeof head, found.erased ? 0 : head.length);
    if (head.crc == copy_check(slot, value_bytes_max, head, found.value))
        found.turn = head.last;
    return found;
}

using slot_state = std::array<copy_state, copies>;

slot_state look(std::span<const std::byte> bytes, std::size_t slot, std::size_t value_bytes_max) {
    slot_state found;
    for (std::size_t copy = 0; copy < copies; ++copy)
        found[copy] = look(bytes, slot, copy, value_bytes_max);
    return found;
}

const copy_state& newest(const slot_state& of) {
    return *std::max_element(of.begin(), of.end(),
                             [](const copy_state& a, const copy_state& b) { return a.turn < b.turn; });
}

// Neither the newest, nor the one that the disk surely has (a blank one, where that is nothing).
std::size_t copy_to_write(const slot_state& of, std::uint64_t synced) {
    const auto* const keep_newest = &newest(of);
    const auto* const keep_synced = std::find_if(of.begin(), of.end(), [&](const copy_state& one) {
        return one.turn == synced && (synced != 0 || one.said == 0);
    });
    const copy_state* chosen = nullptr;
    for (const auto& one : of)
        if (&one != keep_newest && &one != keep_synced && (chosen == nullptr || one.turn < chosen->turn))
            chosen = &one;
    return static_cast<std::size_t>(chosen - of.data());
}

std::size_t load_mark(std::span<const std::byte> bytes, std::size_t slots) {
    const auto mark = load_at<slot_mark>(bytes, slot_mark_at);
    return mark.complement == ~mark.slots && mark.slots <= slots ? mark.slots : slots;
}

bool all_zero(std::span<const std::byte> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte one) { return one == std::byte{0}; });
}

// Killed while it was made: too short, and nothing in it. (The head is written when all the space is there.)
bool never_finished(net::file_system& files, const std::filesystem::path& path, std::size_t size) {
    const auto listed = files.list(path.parent_path());
    if (!listed)
        return false;
    const auto found = std::find_if(listed->begin(), listed->end(), [&](const net::file_entry& one) {
        return one.name == path.filename().string();
    });
    if (found == listed->end() || found->size >= size)
        return false;
    if (found->size == 0)
        return true;
    const auto mapped = files.open_mapped(path);
    if (!mapped)
        return false;
    return all_zero((*mapped)->bytes());
}

net::error_code read_on(net::file& from, std::vector<std::byte>& bytes, std::size_t to) {
    while (bytes.size() < to) {
        const std::size_t at = bytes.size();
        bytes.resize(to);
        const auto count = from.read_at(at, std::span(bytes).subspan(at));
        bytes.resize(at + (count ? *count : 0));
        if (!count || *count == 0)
            return count ? net::error_code() : count.error();
    }
    return {};
}

// The file up to its mark, or as far as it goes.
net::result<std::vector<std::byte>> read_used(net::file& from, std::size_t slots,
                                              std::size_t value_bytes_max) {
    std::vector<std::byte> bytes;
    if (const auto ec = read_on(from, bytes, header_bytes))
        return ec;
    const bool marked = bytes.size() == header_bytes && head_holds(load_at<file_head>(bytes, 0));
    const auto used = marked ? load_mark(bytes, slots) : slots;
    if (const auto ec = read_on(from, bytes, slot_file::bytes_of(used, value_bytes_max)))
        return ec;
    return bytes;
}

} // namespace

std::size_t slot_file::bytes_of(std::size_t slots, std::size_t value_bytes_max) {
    return header_bytes + slots * copies * copy_bytes(value_bytes_max);
}

// What is in there, but for the head where it does not hold. Blank: nothing, and none of it is looked at.
net::result<std::unique_ptr<slot_file>> slot_file::adopt(std::unique_ptr<net::mapped_file> mapping,
                                                         std::size_t slots, std::size_t value_bytes_max,
                                                         bool blank) {
    const auto bytes = mapping->bytes();
    if (bytes.size() != bytes_of(slots, value_bytes_max))
        return net::make_error_code(net::error::corrupt);
    const auto head = load_at<file_head>(bytes, 0);
    const bool holds = head_holds(head);
    if (holds && (head.slots != slots || head.value_bytes_max != value_bytes_max))
        return net::make_error_code(net::error::corrupt);

    std::unique_ptr<slot_file> made(new slot_file);
    made->mapping_ = std::move(mapping);
    made->slots_ = slots;
    made->value_bytes_max_ = value_bytes_max;
    made->written_.resize(slots);
    const std::size_t looked_at = holds ? load_mark(bytes, slots) : blank ? 0 : slots;
    for (std::size_t slot = 0; slot < looked_at; ++slot) {
        const auto state = look(bytes, slot, value_bytes_max);
        made->written_[slot] = newest(state).turn;
        if (std::any_of(state.begin(), state.end(), [](const copy_state& one) { return one.said != 0; }))
            made->used_ = slot + 1;
    }
    made->synced_ = made->written_;
    return made;
}

net::result<std::unique_ptr<slot_file>> slot_file::open(net::environment& env,
                                                        const std::filesystem::path& path, std::size_t slots,
                                                        std::size_t value_bytes_max) {
    NET_ASSERT(slots > 0 && value_bytes_max > 0, "a slot file has slots that can hold something");
    const std::size_t size = bytes_of(slots, value_bytes_max);
    auto& files = env.files();
    const bool there = !path.empty() && files.exists(path);
    auto mapped = path.empty() ? files.anonymous(size)
                  : there      ? files.open_mapped(path)
                               : files.create_mapped(path, size);
    if (there && never_finished(files, path, size)) {
        if (mapped)
            mapped->reset();
        if (const auto ec = files.remove(path))
            return ec;
        mapped = files.create_mapped(path, size);
    }
    if (!mapped)
        return mapped.error();
    (*mapped)->expect_sparse_access();
    auto adopted = adopt(std::move(*mapped), slots, value_bytes_max, !there);
    if (!adopted)
        return adopted.error();
    auto opened = std::move(*adopted);

    // A head that does not hold (never finished, or damaged) is written anew: each copy is checked against
    // the geometry.
    const auto bytes = opened->mapping_->bytes();
    const bool holds = head_holds(load_at<file_head>(bytes, 0));
    if (!holds) {
        file_head head{0, slots, value_bytes_max, 0};
        head.crc = head_check(head);
        store_at(bytes, 0, head);
        store_last(bytes, 0, magic_and_version);
    }
    // Of an agent that was killed: from here on the newest copies are on disk, as is the mark.
    const auto mark = opened->mark_wanted();
    opened->store_mark(mark);
    if (const auto ec = path.empty() ? net::error_code() : opened->mapping_->sync())
        return ec;
    if (const auto ec = path.empty() || holds ? net::error_code() : files.sync_directory(path.parent_path()))
        return ec;
    opened->mark_ = mark;
    return opened;
}

// A writer between two of our reads could have torn more than one copy, or left one slot older than another.
// Turns only rise, so that two readings that agree are what stood there between them.
net::result<std::unique_ptr<slot_file>> slot_file::open_to_read(net::environment& env,
                                                                const std::filesystem::path& path,
                                                                std::size_t slots,
                                                                std::size_t value_bytes_max) {
    constexpr int readings_max = 20; // against a writer that never rests; then what there is counts
    const std::size_t size = bytes_of(slots, value_bytes_max);
    const auto from = env.files().open_to_read(path);
    if (!from)
        return from.error();
    auto seen = read_used(**from, slots, value_bytes_max);
    for (int readings = 1; seen && readings < readings_max; ++readings) {
        auto again = read_used(**from, slots, value_bytes_max);
        const bool agree = again && *again == *seen;
        seen = std::move(again);
        if (agree)
            break;
    }
    const auto there = (*from)->size();
    if (!seen || !there)
        return seen ? there.error() : seen.error();
    const bool unfinished = *there < size && all_zero(*seen);
    if (*there != size && !unfinished)
        return net::make_error_code(net::error::corrupt);
    auto copy = env.files().anonymous(size);
    if (!copy)
        return copy.error();
    std::copy(seen->begin(), seen->end(), (*copy)->bytes().begin());
    auto opened = adopt(std::move(*copy), slots, value_bytes_max, unfinished);
    if (opened)
        (*opened)->mark_ = slots;
    return opened;
}

std::size_t slot_file::mark_wanted() const {
    return used_ + mark_ahead / 2 <= mark_ ? mark_ : std::min(slots_, used_ + mark_ahead);
}

void slot_file::store_mark(std::size_t mark) {
    store_at(mapping_->bytes(), slot_mark_at, slot_mark{mark, ~std::uint64_t{mark}});
}

std::optional<std::string> slot_file::read(std::size_t slot) const {
    NET_ASSERT(slot < slots_, "a slot lies within its file");
    if (slot >= used_)
        return std::nullopt;
    const auto state = look(mapping_->bytes(), slot, value_bytes_max_);
    const auto& last = newest(state);
    if (last.turn == 0 || last.erased)
        return std::nullopt;
    return std::string(reinterpret_cast<const char*>(last.value.data()), last.value.size());
}

// With a copy that was never finished, nothing was ever synced: what is torn is the first writes.
bool slot_file::damaged(std::size_t slot) const {
    NET_ASSERT(slot < slots_, "a slot lies within its file");
    if (slot >= used_)
        return false;
    const auto state = look(mapping_->bytes(), slot, value_bytes_max_);
    return std::all_of(state.begin(), state.end(),
                       [](const copy_state& one) { return one.turn == 0 && one.said != 0; });
}

void slot_file::write(std::size_t slot, std::string_view value) {
    NET_ASSERT(value.size() <= value_bytes_max_, "a value fits its slot");
    store(slot, value, static_cast<std::uint32_t>(value.size()));
}

void slot_file::erase(std::size_t slot) {
    store(slot, {}, length_erased);
}

// The kernel tells of a page that it could not write once, and then counts it as written: without a change
// the next sync would leave it out.
void slot_file::touch(std::size_t from, std::size_t size) {
    constexpr std::size_t page_bytes = 4096;
    const auto bytes = mapping_->bytes();
    for (std::size_t at = from / page_bytes * page_bytes; at < from + size; at += page_bytes) {
        volatile std::byte& first = bytes[at];
        first = first;
    }
}

void slot_file::touch_unsynced() {
    touch(0, header_bytes);
    for (std::size_t slot = 0; slot < used_; ++slot)
        if (written_[slot] != synced_[slot])
            touch(copy_at(slot, 0, value_bytes_max_), copies * copy_bytes(value_bytes_max_));
}

void slot_file::store(std::size_t slot, std::string_view value, std::uint32_t length) {
    NET_ASSERT(slot < slots_, "a slot lies within its file");
    const std::lock_guard lock(turns_);
    used_ = std::max(used_, slot + 1);
    if (used_ > mark_) {
        const std::size_t mark = mark_wanted();
        store_mark(mark);
        const auto ec = mapping_->sync();
        sync_failed_ = sync_failed_ || ec;
        if (ec)
            spdlog::warn("what is stored may not outlive the machine: {}", ec.message());
        else
            mark_ = mark;
    }
    const auto bytes = mapping_->bytes();
    const auto state = look(bytes, slot, value_bytes_max_);
    const std::size_t at = copy_at(slot, copy_to_write(state, synced_[slot]), value_bytes_max_);

    copy_head head{newest(state).turn + 1, length, 0};
    const auto raw = std::as_bytes(std::span(value));
    head.crc = copy_check(slot, value_bytes_max_, head, raw);
    store_last(bytes, at, 0); // from here this copy counts no more, whatever the order of the next stores
    store_fence();
    std::copy(raw.begin(), raw.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at + sizeof head));
    store_at(bytes, at + offsetof(copy_head, length), head.length);
    store_at(bytes, at + offsetof(copy_head, crc), head.crc);
    store_last(bytes, at, head.last);
    written_[slot] = head.last;
}

net::error_code slot_file::sync() {
    std::vector<std::uint64_t> written;
    std::size_t mark = 0;
    {
        const std::lock_guard lock(turns_);
        written = written_;
        mark = mark_wanted();
        if (mark == mark_ && written == synced_)
            return {};
        if (sync_failed_)
            touch_unsynced();
        if (mark != mark_)
            store_mark(mark);
    }
    const auto ec = mapping_->sync();
    const std::lock_guard lock(turns_);
    sync_failed_ = static_cast<bool>(ec);
    if (ec)
        return ec;
    mark_ = std::max(mark_, mark);
    for (std::size_t slot = 0; slot < slots_; ++slot)
        if (written_[slot] <= written[slot] + 1) // else its copy may be another's by now
            synced_[slot] = written[slot];
    return {};
}

} // namespace agent
