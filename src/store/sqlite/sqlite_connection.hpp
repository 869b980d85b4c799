#pragma once

#include "store/sqlite/database_file.hpp"
#include "store/sqlite/sqlite_settings.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace peercron {

/// What SQLite says.
class SqliteError : public std::runtime_error {
public:
    SqliteError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}

    /// The extended result code, https://www.sqlite.org/rescode.html.
    int code() const { return code_; }

    /// The error is in the file or in the access to it: a new connection may work. False when the
    /// file was moved: then only the open connection has it.
    bool connection_lost() const;

private:
    int code_;
};

/// A prepared statement with its values and, once it runs, its current row.
class SqliteStatement {
public:
    SqliteStatement(sqlite3* connection, std::string_view sql);

    // The values for the statement's ? in order, each call for the next one.
    SqliteStatement& bind(std::int64_t value);
    SqliteStatement& bind(std::string_view text);  ///< copied
    SqliteStatement& bind_null();
    template <class T>
    SqliteStatement& bind(const std::optional<T>& value)
    {
        return value ? bind(*value) : bind_null();
    }

    /// Goes to the next row; false after the last one.
    bool next();
    /// Runs it to its end; returns how many rows it changed.
    std::int64_t execute();

    // The current row's columns, from 0.
    bool is_null(int column) const;
    std::string text(int column) const;
    std::int64_t integer(int column) const;  ///< 0 for NULL
    /// The same of a column that never holds a negative number: its 64 bits without a sign.
    std::uint64_t natural(int column) const { return static_cast<std::uint64_t>(integer(column)); }

    /// Ready to be bound and run again.
    void reset();

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    void check(int code) const;

    sqlite3* connection_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int bound_ = 0;
};

/// One connection, set up the way all of ours are. Throws SqliteError; belongs to one thread at a
/// time. Follows no symbolic link, and makes the file only when this process has not worked with it
/// yet (DatabaseFile).
///
/// Write-ahead log, so that readers never wait for a writer; synchronous FULL, because a fire is
/// handed out only after its commit, and that must hold across a power cut: with NORMAL the last
/// commits would be undone, and runs would be planned and started a second time.
class SqliteConnection {
public:
    explicit SqliteConnection(const SqliteSettings& settings);

    /// A statement that is prepared for this use alone.
    SqliteStatement prepare(std::string_view sql) { return {handle_.get(), sql}; }

    /// A statement that is kept prepared from one use to the next. Used up before the same text is
    /// asked for again.
    SqliteStatement& cached(std::string_view sql);

    /// Carries out any number of statements without rows.
    void execute(const std::string& sql);

    /// Asks `goes_on` again and again while a statement works, until this is called again or the
    /// connection ends: once it says no, the statement ends with SQLITE_INTERRUPT. It must not
    /// throw or use this connection.
    void ask_at_work(std::function<bool()> goes_on);

    std::int64_t last_insert_id() const { return sqlite3_last_insert_rowid(handle_.get()); }

    WriterQueue& writers() { return file_->writers(); }

    /// Throws when the file is not the one any more that this connection has open.
    void check_in_place();

private:
    struct Close {
        std::shared_ptr<DatabaseFile> file;
        void operator()(sqlite3* connection) const;
    };

    std::shared_ptr<DatabaseFile> file_;
    std::unique_ptr<std::function<bool()>> goes_on_;
    std::unique_ptr<sqlite3, Close> handle_;
    std::map<std::string, SqliteStatement, std::less<>> statements_;
};

/// A transaction that writes. Only one exists at a time: the others of this process wait for their
/// turn, those of other processes until SQLite's busy timeout ends.
class SqliteTransaction {
public:
    explicit SqliteTransaction(SqliteConnection& connection);
    SqliteTransaction(const SqliteTransaction&) = delete;
    SqliteTransaction& operator=(const SqliteTransaction&) = delete;
    /// Rolls back what is not committed.
    ~SqliteTransaction();

    /// Throws also when it was committed to a file that is not in its place any more.
    void commit();

private:
    SqliteConnection& connection_;
    WriterTurn turn_;
    bool open_ = true;
};

}  // namespace peercron
