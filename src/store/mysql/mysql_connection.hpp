#pragma once

#include "store/mysql/mysql_settings.hpp"

#include <mysql.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What the server, or the client library in its place, answered to a statement.
class MysqlError : public std::runtime_error {
public:
    MysqlError(unsigned code, const std::string& message);

    unsigned code() const { return code_; }

    /// The connection is gone; the server rolls back what was not committed on it.
    bool connection_lost() const;
    /// The server takes no changes (read-only, offline, a cluster's node that is not in it), so the
    /// statement was not carried out. After a failover another connection leads to one that does.
    bool takes_no_changes() const;
    /// The statement was not sent whole, so it was not carried out.
    bool not_sent() const;
    /// A deadlock, or a lock that was not free in time: to be tried again.
    bool lock_conflict() const;
    /// The server ended the statement at its limit, MysqlSettings::timeout.
    bool time_limit() const;
    /// The value was refused: too long, out of range, not text. Another value may pass.
    bool value_refused() const;
    /// A table could not be altered because others wrote to it meanwhile.
    bool online_change_failed() const;

private:
    unsigned code_;
};

/// The rows of a query, read from the server as they are asked for. The connection does nothing
/// else until they are read or destroyed.
class MysqlRows {
public:
    explicit MysqlRows(MYSQL* connection);

    /// Goes to the next row; false after the last one.
    bool next();

    int columns() const { return static_cast<int>(mysql_num_fields(result_.get())); }

    // The current row's columns, from 0.
    bool is_null(int column) const { return row_[column] == nullptr; }
    std::string_view text(int column) const;  ///< empty for NULL; until next()
    std::int64_t integer(int column) const;   ///< 0 for NULL
    std::uint64_t natural(int column) const;  ///< 0 for NULL

private:
    struct Free {
        void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
    };
    MYSQL* connection_;
    std::unique_ptr<MYSQL_RES, Free> result_;
    MYSQL_ROW row_ = nullptr;
    const unsigned long* lengths_ = nullptr;
};

/// What the library says of a connection that cannot be made, and what a person can do.
std::string explain_connect_error(unsigned code, std::string message,
                                  const MysqlSettings& settings);

/// One connection, set up the way all of ours are: utf8mb4, UTC, strict, READ COMMITTED, time
/// limits on both sides. Throws MysqlError; belongs to one thread at a time.
class MysqlConnection {
public:
    enum class Database : std::uint8_t { named, unnamed };

    /// Connects; an `unnamed` connection does not choose settings.database, which may be missing.
    explicit MysqlConnection(const MysqlSettings& settings, Database database = Database::named);

    /// Whether the server has closed the connection while nobody used it.
    bool hung_up() const;

    MysqlRows query(std::string_view sql);

    /// Carries out a statement without rows; returns how many rows its condition matched.
    std::uint64_t execute(std::string_view sql);

    /// Carries out all of them in as few round trips as max_statement() allows; what execute()
    /// returns, for each. The first that fails ends it: the later ones are not carried out.
    std::vector<std::uint64_t> execute_all(std::span<const std::string> statements);

    std::int64_t last_insert_id() const;

    /// `text` as a literal, quotes included: the only way in which a text gets into a statement.
    std::string quote(std::string_view text) const;

    /// How long a statement that is put together from many rows should become at most, and how
    /// long one may be for the server to take it, in bytes.
    std::size_t good_statement() const { return good_statement_; }
    std::size_t max_statement() const { return max_statement_; }

private:
    struct Close {
        void operator()(MYSQL* connection) const { mysql_close(connection); }
    };

    void send(std::string_view sql);
    std::uint64_t read_matched();

    std::unique_ptr<MYSQL, Close> handle_;
    std::size_t good_statement_ = 0;
    std::size_t max_statement_ = 0;
};

/// A transaction that loses its locks when this process is stopped in the middle of it (SIGSTOP, a
/// network that is cut): the server ends it when its client is silent for 3 s. Otherwise a stopped
/// dispatcher would keep its successor waiting.
class MysqlTransaction {
public:
    enum class Reads : std::uint8_t { latest, snapshot };

    /// Begins. Carries out `first` in the same round trip; the rows that it matches can tell
    /// whether to go on.
    explicit MysqlTransaction(MysqlConnection& connection, Reads reads = Reads::latest,
                              std::string first = "DO 0");
    MysqlTransaction(const MysqlTransaction&) = delete;
    MysqlTransaction& operator=(const MysqlTransaction&) = delete;
    /// Rolls back what is not committed.
    ~MysqlTransaction();

    std::uint64_t first_matched() const { return first_matched_; }

    /// Carries out the rest and commits.
    void commit(std::vector<std::string> statements);

private:
    void roll_back();

    MysqlConnection& connection_;
    std::uint64_t first_matched_ = 0;
    bool open_ = true;
};

}  // namespace peercron
