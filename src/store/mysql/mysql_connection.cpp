#include "store/mysql/mysql_connection.hpp"

#include "store/mysql/sha2_login.hpp"

#include <spdlog/spdlog.h>

#include <errmsg.h>
#include <fcntl.h>
#include <mysqld_error.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <mutex>
#include <utility>

namespace peercron {
namespace {

// Numbers of one server family only, which the other's headers do not name.
constexpr unsigned mariadb_connection_killed = 1927;
constexpr unsigned mysql_session_killed = 3169;
constexpr unsigned mysql_idle_disconnect = 4031;
constexpr unsigned mariadb_statement_timeout = 1969;
constexpr unsigned mysql_query_timeout = 3024;
constexpr unsigned mysql_offline_mode = 3032;
constexpr unsigned mysql_tls_required = 3159;
constexpr unsigned mysql_read_only_mode = 1836;
constexpr unsigned mysql_group_replication_refused = 3100;

// Longer statements save nothing more, and hold up others.
constexpr std::size_t statement_goal = 1U << 20U;

// How long the server waits for a client that fell silent in the middle of something.
constexpr int silence_seconds = 3;

[[noreturn]] void throw_error(MYSQL* connection)
{
    throw MysqlError(mysql_errno(connection), mysql_error(connection));
}

unsigned whole_seconds(std::chrono::milliseconds time)
{
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
    return static_cast<unsigned>(std::max<std::int64_t>(seconds, 1));
}

template <class Number>
Number parse(std::string_view text)
{
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    // A decimal of which only the whole part counts (SUM, FLOOR) may have a fraction.
    const bool whole = end == text.data() + text.size() || *end == '.';
    if (error != std::errc() || !whole) {
        throw MysqlError(CR_UNKNOWN_ERROR,
                         "expected a whole number, got '" + std::string(text) + "'");
    }
    return number;
}

}  // namespace

std::string explain_connect_error(unsigned code, std::string message, const MysqlSettings& settings)
{
    const bool has_tls = settings.socket.empty() && settings.tls != MysqlSettings::Tls::off;
    if (code == mysql_tls_required) {
        message = "the server requires TLS; set [mysql] tls = \"require\"";
    } else if (message.find("could not be loaded") != std::string::npos) {
        message += fmt::format(
            "; the account {} logs in by a plugin of the client library that is not there: let it "
            "log in by a password, with caching_sha2_password or mysql_native_password",
            settings.user);
    } else if (code == ER_ACCESS_DENIED_ERROR && !has_tls) {
        message += "; if the server or the account requires TLS, set [mysql] tls = \"require\"";
    } else if (code == CR_SSL_CONNECTION_ERROR && settings.tls == MysqlSettings::Tls::verify) {
        message += fmt::format(
            "; [mysql] tls = \"verify\" trusts {}, and the certificate must name {}",
            settings.ca.empty() ? "the authorities of this machine" : settings.ca, settings.host);
    }
    return message;
}

std::string to_string(const MysqlSettings& settings)
{
    if (!settings.socket.empty()) return settings.socket;
    return fmt::format("{}:{}", settings.host, settings.port);
}

MysqlError::MysqlError(unsigned code, const std::string& message)
    : std::runtime_error(fmt::format("{} (error {})", message, code)), code_(code)
{}

bool MysqlError::connection_lost() const
{
    switch (code_) {
        case CR_SERVER_GONE_ERROR:
        case CR_SERVER_LOST:
        case CR_CONN_HOST_ERROR:
        case CR_CONNECTION_ERROR:
        case CR_COMMANDS_OUT_OF_SYNC:
        case CR_MALFORMED_PACKET:
        case ER_SERVER_SHUTDOWN:
        case ER_NET_READ_ERROR:
        case ER_NET_READ_INTERRUPTED:
        case ER_NET_ERROR_ON_WRITE:
        case ER_NET_WRITE_INTERRUPTED:
        case ER_NEW_ABORTING_CONNECTION:
        case mariadb_connection_killed:
        case mysql_session_killed:
        case mysql_idle_disconnect:
            return true;
        default:
            return false;
    }
}

bool MysqlError::takes_no_changes() const
{
    switch (code_) {
        case ER_UNKNOWN_COM_ERROR:  // Galera: not yet prepared for application use
        case ER_OPTION_PREVENTS_STATEMENT:
        case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
        case mysql_read_only_mode:
        case mysql_offline_mode:
        case mysql_group_replication_refused:
            return true;
        default:
            return false;
    }
}

bool MysqlError::not_sent() const
{
    return code_ == CR_SERVER_GONE_ERROR;
}

bool MysqlError::lock_conflict() const
{
    return code_ == ER_LOCK_DEADLOCK || code_ == ER_LOCK_WAIT_TIMEOUT;
}

bool MysqlError::time_limit() const
{
    return code_ == mariadb_statement_timeout || code_ == mysql_query_timeout;
}

bool MysqlError::value_refused() const
{
    switch (code_) {
        case ER_DATA_TOO_LONG:
        case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
        case ER_TRUNCATED_WRONG_VALUE:
        case ER_WARN_DATA_OUT_OF_RANGE:
        case WARN_DATA_TRUNCATED:
        case ER_INVALID_CHARACTER_STRING:
        case ER_TOO_BIG_ROWSIZE:
        case ER_NET_PACKET_TOO_LARGE:
        case ER_WARN_ALLOWED_PACKET_OVERFLOWED:
        case CR_NET_PACKET_TOO_LARGE:
            return true;
        default:
            return false;
    }
}

bool MysqlError::online_change_failed() const
{
    return code_ == ER_INNODB_ONLINE_LOG_TOO_BIG;
}

MysqlRows::MysqlRows(MYSQL* connection)
    : connection_(connection), result_(mysql_use_result(connection))
{
    if (!result_) throw_error(connection);
}

bool MysqlRows::next()
{
    row_ = mysql_fetch_row(result_.get());
    if (row_ == nullptr) {
        if (mysql_errno(connection_) != 0) throw_error(connection_);
        return false;
    }
    lengths_ = mysql_fetch_lengths(result_.get());
    return true;
}

std::string_view MysqlRows::text(int column) const
{
    if (is_null(column)) return {};
    return {row_[column], lengths_[column]};
}

std::int64_t MysqlRows::integer(int column) const
{
    return is_null(column) ? 0 : parse<std::int64_t>(text(column));
}

std::uint64_t MysqlRows::natural(int column) const
{
    return is_null(column) ? 0 : parse<std::uint64_t>(text(column));
}

MysqlConnection::MysqlConnection(const MysqlSettings& settings, Database database)
{
    static std::once_flag library_ready;  // the library's own initialisation is not thread-safe
    std::call_once(library_ready, [] {
        mysql_library_init(0, nullptr, nullptr);
        register_sha2_login();
    });

    handle_.reset(mysql_init(nullptr));
    if (!handle_) throw MysqlError(CR_OUT_OF_MEMORY, "out of memory");
    MYSQL* handle = handle_.get();

    // The server ends a statement at its limit; this side waits a little longer for its answer.
    const unsigned connect_timeout = whole_seconds(settings.connect_timeout);
    const unsigned answer_timeout = whole_seconds(settings.timeout) + 1;
    mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
    mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &answer_timeout);
    mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &answer_timeout);
    mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    const unsigned local_files = 0;  // a hostile server may not ask for our files
    mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &local_files);
    const unsigned protocol = settings.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
    mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol);  // else "localhost" means a socket

    using Tls = MysqlSettings::Tls;
    const bool wants_tls = settings.socket.empty() && settings.tls != Tls::off;
    if (wants_tls) {
        // The library takes this for "if the server can"; see below.
        const my_bool on = 1;
        mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &on);
        const my_bool verifies = settings.tls == Tls::verify ? 1 : 0;
        mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verifies);
        if (!settings.ca.empty()) mysql_options(handle, MYSQL_OPT_SSL_CA, settings.ca.c_str());
    }

    const char* name = database == Database::named ? settings.database.c_str() : nullptr;
    const char* host = settings.socket.empty() ? settings.host.c_str() : nullptr;
    const char* socket = settings.socket.empty() ? nullptr : settings.socket.c_str();
    if (mysql_real_connect(handle, host, settings.user.c_str(), settings.password.c_str(), name,
                           settings.port, socket,
                           CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS) == nullptr) {
        const unsigned code = mysql_errno(handle);
        throw MysqlError(code, explain_connect_error(code, mysql_error(handle), settings));
    }
    if (wants_tls && settings.tls != Tls::prefer && mysql_get_ssl_cipher(handle) == nullptr) {
        throw MysqlError(CR_SSL_CONNECTION_ERROR,
                         "the server does not offer TLS; configure its certificate, or set "
                         "[mysql] tls = \"prefer\"");
    }
    // The library leaves its socket to the commands that we start.
    ::fcntl(mysql_get_socket(handle), F_SETFD, FD_CLOEXEC);

    const std::string_view server = mysql_get_server_info(handle);
    const bool mariadb = server.find("MariaDB") != std::string_view::npos;
    const auto limit = settings.timeout.count();
    const std::vector<std::string> set_up{
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        fmt::format("SET SESSION time_zone = '+00:00', net_read_timeout = {0},"
                    " innodb_lock_wait_timeout = {0}, sql_mode = 'STRICT_ALL_TABLES,"
                    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
                    silence_seconds),
        mariadb
            ? fmt::format("SET SESSION max_statement_time = {}.{:03}", limit / 1000, limit % 1000)
            : fmt::format("SET SESSION max_execution_time = {}", limit),
    };
    execute_all(set_up);
    MysqlRows rows = query("SELECT @@max_allowed_packet");
    rows.next();
    max_statement_ = rows.natural(0) - 512;  // the packet holds a little more than the statement
    good_statement_ = std::min(statement_goal, max_statement_ / 2);
}

bool MysqlConnection::hung_up() const
{
    pollfd socket{mysql_get_socket(handle_.get()), POLLRDHUP, 0};
    return ::poll(&socket, 1, 0) != 0;
}

void MysqlConnection::send(std::string_view sql)
{
    if (mysql_real_query(handle_.get(), sql.data(), sql.size()) != 0) throw_error(handle_.get());
}

std::uint64_t MysqlConnection::read_matched()
{
    if (mysql_field_count(handle_.get()) != 0) {
        const MysqlRows unasked(handle_.get());  // reads the rows away
        throw MysqlError(CR_COMMANDS_OUT_OF_SYNC, "the server sent rows that nobody asked for");
    }
    return mysql_affected_rows(handle_.get());
}

MysqlRows MysqlConnection::query(std::string_view sql)
{
    send(sql);
    return MysqlRows(handle_.get());
}

std::uint64_t MysqlConnection::execute(std::string_view sql)
{
    send(sql);
    return read_matched();
}

std::vector<std::uint64_t> MysqlConnection::execute_all(std::span<const std::string> statements)
{
    std::vector<std::uint64_t> matched;
    matched.reserve(statements.size());
    auto statement = statements.begin();
    while (statement != statements.end()) {
        std::string packet = *statement;
        while (++statement != statements.end() &&
               packet.size() + 1 + statement->size() <= good_statement_) {
            packet += ';';
            packet += *statement;
        }
        send(packet);
        matched.push_back(read_matched());
        int more = mysql_next_result(handle_.get());
        for (; more == 0; more = mysql_next_result(handle_.get())) {
            matched.push_back(read_matched());
        }
        if (more > 0) throw_error(handle_.get());
    }
    return matched;
}

std::int64_t MysqlConnection::last_insert_id() const
{
    return static_cast<std::int64_t>(mysql_insert_id(handle_.get()));
}

std::string MysqlConnection::quote(std::string_view text) const
{
    std::string literal(text.size() * 2 + 3, '\'');  // room for the worst case and the final NUL
    const unsigned long length =
        mysql_real_escape_string(handle_.get(), literal.data() + 1, text.data(), text.size());
    literal[length + 1] = '\'';
    literal.resize(length + 2);
    return literal;
}

MysqlTransaction::MysqlTransaction(MysqlConnection& connection, Reads reads, std::string first)
    : connection_(connection)
{
    std::vector<std::string> statements{
        fmt::format("SET SESSION wait_timeout = {}", silence_seconds)};
    if (reads == Reads::snapshot) {
        statements.emplace_back("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
        statements.emplace_back("START TRANSACTION WITH CONSISTENT SNAPSHOT");
    } else {
        statements.emplace_back("START TRANSACTION");
    }
    statements.push_back(std::move(first));
    try {
        first_matched_ = connection_.execute_all(statements).back();
    } catch (const MysqlError&) {
        roll_back();
        throw;
    }
}

MysqlTransaction::~MysqlTransaction()
{
    if (open_) roll_back();
}

void MysqlTransaction::roll_back()
{
    try {
        const std::vector<std::string> statements{"ROLLBACK", "SET SESSION wait_timeout = DEFAULT"};
        connection_.execute_all(statements);
    } catch (const MysqlError& error) {
        // The connection is gone, and the transaction with it.
        spdlog::debug("store: a transaction could not be rolled back: {}", error.what());
    }
}

void MysqlTransaction::commit(std::vector<std::string> statements)
{
    statements.emplace_back("COMMIT");
    statements.emplace_back("SET SESSION wait_timeout = DEFAULT");
    connection_.execute_all(statements);
    open_ = false;
}

}  // namespace peercron
