#include "tests/sim/process_handles.hpp"

#include "net/assert.hpp"

#include <utility>

namespace sim {
namespace {

// An open file, counted while its process lives: after a kill the count is gone with the process.
class handle {
public:
    handle(holder_ptr process, file_ptr file, disk::path opened_as, bool mapped)
        : by(std::move(process))
        , of(std::move(file))
        , name(std::move(opened_as))
        , mapped_(mapped ? 1 : 0) {
        auto& use = by->uses[of->number()];
        use.of = of;
        ++use.handles;
        ++of->handles;
        use.mappings += mapped_;
        of->mappings += mapped_;
    }

    ~handle() {
        if (!by->alive)
            return;
        const auto use = by->uses.find(of->number());
        --of->handles;
        of->mappings -= mapped_;
        use->second.mappings -= mapped_;
        if (--use->second.handles == 0)
            by->uses.erase(use);
    }

    handle(const handle&) = delete;
    handle& operator=(const handle&) = delete;

    const holder_ptr by;
    const file_ptr of;
    const disk::path name; // when it was opened; for the hook

private:
    const unsigned mapped_;
};

class open_file final : public net::file {
public:
    open_file(holder_ptr by, file_ptr of, disk::path name)
        : handle_(std::move(by), std::move(of), std::move(name), false) {}

    net::result<std::uint64_t> size() override {
        if (!handle_.by->alive)
            return dead();
        return handle_.of->size();
    }

    net::result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
        if (!handle_.by->alive)
            return dead();
        return handle_.of->read_at(offset, into);
    }

    net::error_code append(std::string_view bytes) override {
        return handle_.by->alive ? handle_.by->on->append(*handle_.of, handle_.name, bytes) : dead();
    }

    net::error_code truncate(std::uint64_t size) override {
        return handle_.by->alive ? handle_.by->on->truncate(*handle_.of, handle_.name, size) : dead();
    }

    net::error_code sync() override {
        return handle_.by->alive ? handle_.by->on->sync(*handle_.of, handle_.name) : dead();
    }

private:
    handle handle_;
};

class mapping final : public net::mapped_file {
public:
    mapping(holder_ptr by, file_ptr of, disk::path name)
        : handle_(std::move(by), std::move(of), std::move(name), true)
        , memory_(handle_.of->memory())
        , size_(static_cast<std::size_t>(handle_.of->size())) {}

    std::span<std::byte> bytes() noexcept override { return {memory_->data(), size_}; }

    net::error_code sync() override {
        return handle_.by->alive ? handle_.by->on->sync(*handle_.of, handle_.name) : dead();
    }

private:
    handle handle_;
    std::shared_ptr<sparse_memory> memory_; // the file's until a kill
    std::size_t size_;
};

class anonymous_memory final : public net::mapped_file {
public:
    explicit anonymous_memory(std::uint64_t size)
        : memory_(size)
        , size_(static_cast<std::size_t>(size)) {}

    std::span<std::byte> bytes() noexcept override { return {memory_.data(), size_}; }

    net::error_code sync() override { return {}; }

private:
    sparse_memory memory_;
    std::size_t size_;
};

class held_lock final : public net::file_lock {
public:
    held_lock(holder_ptr by, file_ptr on)
        : by_(std::move(by))
        , on_(std::move(on))
        , id_(by_->on->next_number()) {
        on_->lock_id = id_;
        by_->locks[id_] = on_;
    }

    ~held_lock() override {
        if (by_->locks.erase(id_) > 0)
            on_->lock_id = 0;
    }

    held_lock(const held_lock&) = delete;
    held_lock& operator=(const held_lock&) = delete;

private:
    holder_ptr by_;
    file_ptr on_;
    std::uint64_t id_;
};

} // namespace

void file_holder::kill(frames left) {
    if (!alive)
        return;
    alive = false;
    --on->processes;
    for (auto& [number, held] : uses) {
        held.of->handles -= held.handles;
        held.of->mappings -= held.mappings;
        if (held.mappings == 0)
            continue;
        NET_ASSERT(held.of->mappings == 0, "a killed process shares no mapped file with a living one");
        if (left == frames::may_run)
            held.of->part_from_memory();
    }
    uses.clear();
    for (auto& [id, file] : locks)
        file->lock_id = 0;
    locks.clear();
}

std::unique_ptr<net::file> make_file(holder_ptr by, file_ptr of, disk::path name) {
    return std::make_unique<open_file>(std::move(by), std::move(of), std::move(name));
}

std::unique_ptr<net::mapped_file> make_mapping(holder_ptr by, file_ptr of, disk::path name) {
    return std::make_unique<mapping>(std::move(by), std::move(of), std::move(name));
}

std::unique_ptr<net::mapped_file> make_anonymous_memory(std::uint64_t size) {
    return std::make_unique<anonymous_memory>(size);
}

std::unique_ptr<net::file_lock> make_lock(holder_ptr by, file_ptr of) {
    return std::make_unique<held_lock>(std::move(by), std::move(of));
}

} // namespace sim
