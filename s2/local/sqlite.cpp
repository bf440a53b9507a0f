#include "s2/local/sqlite.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

namespace s2::local {

void throw_exception_from_error(const storage_error& failure, const boost::source_location&) {
    throw std::runtime_error(failure.message);
}

namespace {

// Its log's index, which every reader of a log needs, can't be made there, and no log is there to be read.
bool only_to_be_looked_at(const std::filesystem::path& file) {
    const auto dir = file.parent_path();
    return ::access(dir.empty() ? "." : dir.c_str(), W_OK) != 0 &&
           ::access((file.string() + "-wal").c_str(), F_OK) != 0;
}

std::string immutable_uri(const std::filesystem::path& file) {
    std::string uri = "file:";
    for (const char c : std::filesystem::absolute(file).string()) {
        if (c == '%')
            uri += "%25";
        else if (c == '?')
            uri += "%3f";
        else if (c == '#')
            uri += "%23";
        else
            uri += c;
    }
    return uri + "?immutable=1";
}

} // namespace

stored<database> database::open(const std::filesystem::path& file, options how) {
    sqlite3* handle = nullptr;
    // What is stored is nobody else's business; the log's files take after this one.
    if (!how.read_only && file != ":memory:")
        if (const int created = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); created >= 0)
            ::close(created);
    int flags = SQLITE_OPEN_NOMUTEX |
                (how.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    std::string name = file.string();
    if (how.read_only && only_to_be_looked_at(file)) {
        flags |= SQLITE_OPEN_URI;
        name = immutable_uri(file);
    }
    const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
    database opened(handle);
    if (code != SQLITE_OK) {
        auto why = opened.failure(("opening " + file.string()).c_str(), code);
        why.what = storage_error::kind::unusable;
        return why;
    }
    sqlite3_extended_result_codes(handle, 1);
    // Another process may look into the file with a tool that locks it for a moment.
    sqlite3_busy_timeout(handle, 2000);
    return opened;
}

database::~database() {
    sqlite3_close_v2(handle_);
}

stored<void> database::execute(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return failure(sql);
    return {};
}

stored<void> database::within_transaction(const std::function<stored<void>()>& work) {
    if (auto begun = execute("BEGIN IMMEDIATE"); !begun)
        return begun;
    auto outcome = work();
    if (outcome)
        outcome = execute("COMMIT");
    if (!outcome && sqlite3_get_autocommit(handle_) == 0)
        (void)execute("ROLLBACK"); // the failure being reported is the one that matters
    return outcome;
}

bool database::file_gone() {
    int moved = 0;
    return sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

stored<std::int64_t> database::number(const char* sql) {
    statement query(*this, sql);
    use once(*this, query);
    auto found = once.row();
    if (!found)
        return found.error();
    return *found ? once.number_at(0) : 0;
}

storage_error database::failure(const char* doing, int code) const {
    if (code == SQLITE_OK && handle_)
        code = sqlite3_extended_errcode(handle_);
    storage_error error;
    error.message = std::string(doing) + ": " + (handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code));
    switch (code & 0xFF) {
    case SQLITE_FULL:
        error.what = storage_error::kind::full;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        error.what = storage_error::kind::corrupt;
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        error.what = storage_error::kind::unusable;
        break;
    default:
        error.what = storage_error::kind::io;
    }
    return error;
}

statement::statement(database& on, const char* sql)
    : text_(sql) {
    // A failure leaves the handle null; the first step reports it.
    sqlite3_prepare_v3(on.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
}

statement::statement(statement&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr))
    , text_(other.text_) {}

statement& statement::operator=(statement&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(text_, other.text_);
    return *this;
}

statement::~statement() {
    sqlite3_finalize(handle_);
}

use::~use() {
    sqlite3_reset(statement_.handle());
    sqlite3_clear_bindings(statement_.handle());
}

use& use::number(std::int64_t value) {
    if (const int code = sqlite3_bind_int64(statement_.handle(), ++bound_, value); code != SQLITE_OK)
        failed_ = code;
    return *this;
}

use& use::number(std::optional<std::int64_t> value) {
    if (value)
        return number(*value);
    ++bound_; // unbound is null
    return *this;
}

use& use::text(std::string_view value) {
    if (const int code = sqlite3_bind_text64(statement_.handle(), ++bound_, value.data() ? value.data() : "",
                                             value.size(), SQLITE_STATIC, SQLITE_UTF8);
        code != SQLITE_OK)
        failed_ = code;
    return *this;
}

use& use::blob(std::string_view value) {
    if (const int code = sqlite3_bind_blob64(statement_.handle(), ++bound_, value.data() ? value.data() : "",
                                             value.size(), SQLITE_STATIC);
        code != SQLITE_OK)
        failed_ = code;
    return *this;
}

stored<bool> use::row() {
    if (!statement_.handle())
        return database_.failure(statement_.text());
    if (failed_ != SQLITE_OK)
        return database_.failure(statement_.text(), failed_);
    const int code = sqlite3_step(statement_.handle());
    if (code == SQLITE_ROW)
        return true;
    if (code == SQLITE_DONE)
        return false;
    return database_.failure(statement_.text(), code);
}

stored<void> use::run() {
    while (true) {
        auto stepped = row();
        if (!stepped)
            return stepped.error();
        if (!*stepped)
            return {};
    }
}

std::int64_t use::number_at(int column) const {
    return sqlite3_column_int64(statement_.handle(), column);
}

std::optional<std::int64_t> use::optional_at(int column) const {
    if (sqlite3_column_type(statement_.handle(), column) == SQLITE_NULL)
        return std::nullopt;
    return number_at(column);
}

std::string use::bytes_at(int column) const {
    const void* bytes = sqlite3_column_blob(statement_.handle(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.handle(), column));
    return bytes ? std::string(static_cast<const char*>(bytes), size) : std::string();
}

} // namespace s2::local
