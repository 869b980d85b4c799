#include "store/sqlite/sqlite_connection.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace peercron {
namespace {

/// Commands and their outputs are nobody else's business; the files beside it get the same rights.
void make_private(const std::string& path)
{
    const int file = open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file >= 0) close(file);
}

// How long a writer of another process (the sqlite3 shell, a backup) is waited for.
constexpr int busy_timeout_ms = 5000;

void run_sql(sqlite3* connection, const char* sql)
{
    if (sqlite3_exec(connection, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw SqliteError(sqlite3_extended_errcode(connection), sqlite3_errmsg(connection));
    }
}

}  // namespace

bool SqliteError::connection_lost() const
{
    if (code_ == SQLITE_READONLY_DBMOVED) return false;
    switch (code_ & 0xff) {
        case SQLITE_CANTOPEN:
        case SQLITE_CORRUPT:
        case SQLITE_IOERR:
        case SQLITE_NOTADB:
        case SQLITE_READONLY:
            return true;
        default:
            return false;
    }
}

SqliteStatement::SqliteStatement(sqlite3* connection, std::string_view sql)
    : connection_(connection)
{
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()), 0, &statement,
                             nullptr));
    statement_.reset(statement);
}

SqliteStatement& SqliteStatement::bind(std::int64_t value)
{
    check(sqlite3_bind_int64(statement_.get(), ++bound_, value));
    return *this;
}

SqliteStatement& SqliteStatement::bind(std::string_view text)
{
    // A null pointer would be NULL.
    const char* const begin = text.empty() ? "" : text.data();
    check(sqlite3_bind_text64(statement_.get(), ++bound_, begin, text.size(), SQLITE_TRANSIENT,
                              SQLITE_UTF8));
    return *this;
}

SqliteStatement& SqliteStatement::bind_null()
{
    check(sqlite3_bind_null(statement_.get(), ++bound_));
    return *this;
}

bool SqliteStatement::next()
{
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) {
        const SqliteError error(sqlite3_extended_errcode(connection_), sqlite3_errmsg(connection_));
        reset();
        throw error;
    }
    return false;
}

std::int64_t SqliteStatement::execute()
{
    while (next()) {
    }
    const std::int64_t changed = sqlite3_changes64(connection_);
    reset();
    return changed;
}

bool SqliteStatement::is_null(int column) const
{
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string SqliteStatement::text(int column) const
{
    const auto* const begin = sqlite3_column_text(statement_.get(), column);
    if (begin == nullptr) return {};
    const int length = sqlite3_column_bytes(statement_.get(), column);
    return {reinterpret_cast<const char*>(begin), static_cast<std::size_t>(length)};
}

std::int64_t SqliteStatement::integer(int column) const
{
    return sqlite3_column_int64(statement_.get(), column);
}

void SqliteStatement::reset()
{
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
    bound_ = 0;
}

void SqliteStatement::check(int code) const
{
    if (code != SQLITE_OK) {
        throw SqliteError(sqlite3_extended_errcode(connection_), sqlite3_errmsg(connection_));
    }
}

void SqliteConnection::Close::operator()(sqlite3* connection) const
{
    const auto lock = file->lock();
    sqlite3_close_v2(connection);
    file->closed();
}

SqliteConnection::SqliteConnection(const SqliteSettings& settings)
    : file_(DatabaseFile::of(settings.path)), handle_(nullptr, Close{file_})
{
    const auto lock = file_->lock();
    if (const std::string why = file_->refusal(); !why.empty()) {
        throw SqliteError(SQLITE_CANTOPEN, why);
    }
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
    if (file_->may_be_made()) {
        make_private(file_->path());
        flags |= SQLITE_OPEN_CREATE;
    }
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(file_->path().c_str(), &handle, flags, nullptr);
    std::unique_ptr<sqlite3, decltype(&sqlite3_close_v2)> opened(handle, &sqlite3_close_v2);
    if (code != SQLITE_OK) {
        throw SqliteError(code, handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
    }
    if (sqlite3_db_readonly(handle, "main") == 1) {
        throw SqliteError(SQLITE_READONLY,
                          "it may not be written by this user, or its file system is read-only");
    }
    sqlite3_busy_timeout(handle, busy_timeout_ms);
    run_sql(handle,
            "PRAGMA journal_mode = WAL;"
            "PRAGMA synchronous = FULL;"
            "PRAGMA cache_size = -1024;"  // KiB; the kernel's cache does the rest
            "PRAGMA temp_store = MEMORY;");
    file_->opened();
    handle_.reset(opened.release());
}

void SqliteConnection::check_in_place()
{
    const std::string trouble = file_->trouble();
    if (!trouble.empty()) throw SqliteError(SQLITE_READONLY_DBMOVED, trouble);
}

SqliteStatement& SqliteConnection::cached(std::string_view sql)
{
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
        found = statements_.emplace(std::string(sql), SqliteStatement(handle_.get(), sql)).first;
    }
    found->second.reset();
    return found->second;
}

void SqliteConnection::execute(const std::string& sql)
{
    run_sql(handle_.get(), sql.c_str());
}

void SqliteConnection::ask_at_work(std::function<bool()> goes_on)
{
    constexpr int instructions = 100'000;  // some milliseconds
    goes_on_ = std::make_unique<std::function<bool()>>(std::move(goes_on));
    const auto ask = [](void* question) {
        return (*static_cast<std::function<bool()>*>(question))() ? 0 : 1;
    };
    sqlite3_progress_handler(handle_.get(), instructions, ask, goes_on_.get());
}

SqliteTransaction::SqliteTransaction(SqliteConnection& connection)
    : connection_(connection), turn_(connection.writers())
{
    connection_.execute("BEGIN IMMEDIATE");
}

SqliteTransaction::~SqliteTransaction()
{
    if (!open_) return;
    try {
        connection_.execute("ROLLBACK");
    } catch (const SqliteError&) {
        // SQLite has rolled back by itself, as it does when the disk is full.
    }
}

void SqliteTransaction::commit()
{
    connection_.execute("COMMIT");
    open_ = false;
    connection_.check_in_place();
}

}  // namespace peercron
