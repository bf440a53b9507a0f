#pragma once
// The little of SQLite's C interface that the store uses, with destructors. Not thread-safe: one thread at a
// time.

#include "s2/local/storage.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <functional>

namespace s2::local {

class database {
public:
    struct options {
        bool read_only = false;
        std::uint32_t page_count_max = 0; // 0: SQLite's own limit; a test's small disk
    };

    static stored<database> open(const std::filesystem::path& file, options how);

    database(database&& other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)) {}

    database& operator=(database&&) = delete;
    ~database();

    stored<void> execute(const char* sql);

    // All of the work or nothing of it.
    stored<void> within_transaction(const std::function<stored<void>()>& work);

    // Removed or moved away since it was opened.
    bool file_gone();

    stored<std::int64_t> number(const char* sql); // the first column of the first row
    storage_error failure(const char* doing, int code = SQLITE_OK) const;

    sqlite3* handle() const { return handle_; }

private:
    explicit database(sqlite3* handle)
        : handle_(handle) {}

    sqlite3* handle_;
};

// A prepared statement, kept for the life of the database and used through `use`, which resets it on the way
// out.
class statement {
public:
    statement() = default;
    statement(database& on, const char* sql);
    statement(statement&& other) noexcept;
    statement& operator=(statement&& other) noexcept;
    ~statement();

    sqlite3_stmt* handle() const { return handle_; }

    const char* text() const { return text_; }

private:
    sqlite3_stmt* handle_ = nullptr;
    const char* text_ = "";
};

// One execution. Bound texts and blobs must outlive it.
class use {
public:
    use(database& on, statement& what)
        : database_(on)
        , statement_(what) {}

    ~use();
    use(const use&) = delete;
    use& operator=(const use&) = delete;

    use& number(std::int64_t value);

    use& number(std::uint64_t value) { return number(static_cast<std::int64_t>(value)); }

    use& number(std::optional<std::int64_t> value);
    use& text(std::string_view value);
    use& blob(std::string_view value);

    stored<bool> row(); // steps; false at the end
    stored<void> run(); // to the end

    std::int64_t number_at(int column) const;

    std::uint64_t unsigned_at(int column) const { return static_cast<std::uint64_t>(number_at(column)); }

    std::optional<std::int64_t> optional_at(int column) const;
    std::string bytes_at(int column) const;

private:
    database& database_;
    statement& statement_;
    int bound_ = 0;
    int failed_ = SQLITE_OK;
};

} // namespace s2::local
