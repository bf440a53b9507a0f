#pragma once
// Files in memory, with what a real disk can do to them: be full, lose what was not synced, be copied
// mid-way, stop at any call. Mappings share their file's bytes, as the page cache has it. Names outlive
// nobody's mapping; unlinked bytes live while mapped.

#include "net/files.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <set>

namespace agent::test {

class memory_files final : public net::file_system {
public:
    struct content {
        std::vector<std::uint64_t> words; // aligned as a mapping is
        std::size_t size = 0;
        bool dense = false; // its mapping was told so
        std::string synced; // what the disk has for sure; shorter than the file: nothing yet behind it

        std::span<std::byte> bytes() { return {reinterpret_cast<std::byte*>(words.data()), size}; }

        void resize(std::size_t bytes) {
            words.resize((bytes + 7) / 8);
            size = bytes;
        }
    };

    using content_ptr = std::shared_ptr<content>;

    using names_map = std::map<std::string, content_ptr>;

    static constexpr std::size_t read_bytes_max = 512; // of one call: others come in between

    names_map all;
    // What the directory was after each change since it was last synced, oldest first: a journal brings back
    // one of these. Kept once begun with forget_names().
    std::vector<names_map> names_since_sync;
    std::function<void()> before_call; // may throw: the process dies here; behind a rename too
    std::uint64_t disk_bytes_max = ~std::uint64_t{0};
    net::error_code mapping_fails; // open_mapped says so while set
    net::error_code names_fail;    // remove and rename say so while set
    std::set<std::string> unseen;  // exists() says no
    net::error_code rename_fails;  // only that
    net::error_code remove_fails;
    net::error_code create_fails; // create_mapped and anonymous say so while set
    net::error_code sync_fails;   // the next sync of a mapping says so; as a kernel does, only once
    std::size_t calls = 0;        // every call but stores into mappings
    std::size_t mapped_now = 0;   // mappings of files

    std::uint64_t disk_bytes() const {
        std::uint64_t sum = 0;
        for (const auto& [name, one] : all)
            sum += one->size;
        return sum;
    }

    // What a killed process leaves, as another world's disk.
    names_map copy() const {
        names_map copied;
        for (const auto& [name, one] : all)
            copied[name] = std::make_shared<content>(*one);
        return copied;
    }

    std::vector<std::string> names() const {
        std::vector<std::string> listed;
        for (const auto& [name, one] : all)
            listed.push_back(path(name).filename().string());
        return listed;
    }

    void forget_names() { names_since_sync.assign(1, all); }

    std::span<std::byte> bytes(const path& file) { return all.at(file.string())->bytes(); }

    net::error_code create_directories(const path&, unsigned) override { return {}; }

    net::result<std::vector<net::file_entry>> list(const path& dir) override {
        called();
        std::vector<net::file_entry> listed;
        for (const auto& [name, one] : all)
            if (path(name).parent_path() == dir)
                listed.push_back({path(name).filename().string(), one->size});
        return listed;
    }

    bool exists(const path& file) override {
        return all.contains(file.string()) && !unseen.contains(file.string());
    }

    net::error_code remove(const path& file) override {
        called();
        if (names_fail || remove_fails)
            return names_fail ? names_fail : remove_fails;
        if (all.erase(file.string()) == 0)
            return error(ENOENT);
        named();
        return {};
    }

    net::error_code rename(const path& from, const path& to) override {
        called();
        if (names_fail || rename_fails)
            return names_fail ? names_fail : rename_fails;
        const auto found = all.find(from.string());
        if (found == all.end())
            return error(ENOENT);
        auto moved = found->second;
        all.erase(found);
        all[to.string()] = std::move(moved);
        named();
        called();
        return {};
    }

    net::error_code sync_directory(const path&) override {
        called();
        if (!names_since_sync.empty())
            forget_names();
        return {};
    }

    net::result<std::string> read_all(const path& file, std::uint64_t limit_bytes) override {
        const auto found = all.find(file.string());
        if (found == all.end())
            return error(ENOENT);
        if (found->second->size > limit_bytes)
            return net::make_error_code(net::error::limit_exceeded);
        const auto raw = found->second->bytes();
        return std::string(reinterpret_cast<const char*>(raw.data()), raw.size());
    }

    net::error_code replace(const path& file, std::string_view text, unsigned) override {
        called();
        write_over(file, text)->synced = text;
        if (!names_since_sync.empty())
            forget_names();
        return {};
    }

    net::error_code replace_unsynced(const path& file, std::string_view text, unsigned) override {
        called();
        write_over(file, text);
        named();
        return {};
    }

    net::result<std::unique_ptr<net::file>> open(const path&, bool) override { return error(ENOSYS); }

    net::result<std::unique_ptr<net::file>> open_to_read(const path& file) override {
        called();
        const auto found = all.find(file.string());
        if (found == all.end())
            return error(ENOENT);
        return std::unique_ptr<net::file>(std::make_unique<read_only>(*this, found->second));
    }

    net::result<std::unique_ptr<net::mapped_file>> create_mapped(const path& file,
                                                                 std::uint64_t size) override {
        called();
        if (create_fails)
            return create_fails;
        if (all.contains(file.string()))
            return error(EEXIST);
        if (disk_bytes() + size > disk_bytes_max)
            return error(ENOSPC);
        auto fresh = std::make_shared<content>();
        fresh->resize(size);
        all[file.string()] = fresh;
        named();
        return std::unique_ptr<net::mapped_file>(std::make_unique<mapping>(*this, std::move(fresh)));
    }

    net::result<std::unique_ptr<net::mapped_file>> open_mapped(const path& file) override {
        called();
        if (mapping_fails)
            return mapping_fails;
        const auto found = all.find(file.string());
        if (found == all.end())
            return error(ENOENT);
        return std::unique_ptr<net::mapped_file>(std::make_unique<mapping>(*this, found->second));
    }

    net::result<std::unique_ptr<net::mapped_file>> anonymous(std::uint64_t size) override {
        if (create_fails)
            return create_fails;
        auto fresh = std::make_shared<content>();
        fresh->resize(size);
        return std::unique_ptr<net::mapped_file>(std::make_unique<mapping>(*this, std::move(fresh)));
    }

    net::result<std::unique_ptr<net::file_lock>> lock(const path&, std::string_view, std::string&) override {
        return error(ENOSYS);
    }

    std::optional<std::string> fingerprint(const path&) override { return std::nullopt; }

    std::string file_system_type(const path&) override { return "memory"; }

    static net::error_code error(int code) { return {code, boost::system::generic_category()}; }

private:
    content_ptr write_over(const path& file, std::string_view text) {
        auto fresh = std::make_shared<content>();
        fresh->resize(text.size());
        std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(fresh->words.data()));
        all[file.string()] = fresh;
        return fresh;
    }

    void called() {
        ++calls;
        if (before_call)
            before_call();
    }

    void named() {
        if (!names_since_sync.empty())
            names_since_sync.push_back(all);
    }

    class read_only final : public net::file {
    public:
        read_only(memory_files& owner, content_ptr of)
            : owner_(owner)
            , of_(std::move(of)) {}

        net::result<std::uint64_t> size() override { return of_->size; }

        net::result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
            owner_.called();
            const auto from = of_->bytes().subspan(std::min<std::size_t>(offset, of_->size));
            const auto count = std::min({from.size(), into.size(), read_bytes_max});
            std::copy_n(from.begin(), count, into.begin());
            return count;
        }

        net::error_code append(std::string_view) override { return error(EBADF); }

        net::error_code truncate(std::uint64_t) override { return error(EBADF); }

        net::error_code sync() override { return error(EBADF); }

    private:
        memory_files& owner_;
        content_ptr of_;
    };

    class mapping final : public net::mapped_file {
    public:
        mapping(memory_files& owner, content_ptr of)
            : owner_(owner)
            , of_(std::move(of)) {
            ++owner_.mapped_now;
        }

        ~mapping() override { --owner_.mapped_now; }

        std::span<std::byte> bytes() noexcept override { return of_->bytes(); }

        net::error_code sync() override {
            owner_.called();
            if (owner_.sync_fails)
                return std::exchange(owner_.sync_fails, {});
            const auto raw = of_->bytes();
            of_->synced.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
            return {};
        }

        void expect_dense_access() noexcept override { of_->dense = true; }

    private:
        memory_files& owner_;
        content_ptr of_;
    };
};

} // namespace agent::test
