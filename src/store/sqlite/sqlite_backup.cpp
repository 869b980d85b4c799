#include "store/sqlite/sqlite_backup.hpp"

#include "store/migration.hpp"
#include "store/read_rows.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/sqlite/sqlite_lock.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace peercron {
namespace {

namespace fs = std::filesystem;

struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
using Handle = std::unique_ptr<sqlite3, Close>;

[[noreturn]] void fail(std::string_view doing, const fs::path& file, std::string_view why)
{
    throw StoreError(fmt::format("cannot {} {}: {}", doing, file.string(), why));
}

std::string last_error()
{
    return std::system_category().message(errno);
}

fs::path beside(const fs::path& file, std::string_view end)
{
    fs::path path = file;
    path += end;
    return path;
}

void check(int code, sqlite3* connection, std::string_view doing, const fs::path& file)
{
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
    fail(doing, file, connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
}

/// "file:PATH?immutable=1", with what means something in a URI escaped.
std::string immutable_uri(const fs::path& file)
{
    std::string uri = "file:";
    for (const char c : fs::absolute(file).string()) {
        if (c == '%' || c == '?' || c == '#') {
            uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        } else {
            uri += c;
        }
    }
    return uri + "?immutable=1";
}

/// A database to copy from. What nobody works with is only read, also where nothing may be written.
Handle open_source(const fs::path& file)
{
    const bool in_use = fs::exists(beside(file, "-wal"));
    sqlite3* opened = nullptr;
    const int code = in_use ? sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr)
                            : sqlite3_open_v2(immutable_uri(file).c_str(), &opened,
                                              SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
    Handle handle(opened);
    check(code, opened, "open", file);
    sqlite3_busy_timeout(opened, 60'000);
    return handle;
}

/// The only value of a query.
std::string value(sqlite3* connection, const std::string& sql, const fs::path& file)
{
    try {
        SqliteStatement statement(connection, sql);
        return statement.next() ? statement.text(0) : std::string();
    } catch (const SqliteError& error) {
        fail("read", file, error.what());
    }
}

/// Removes the file it made, unless it got its place.
class UnfinishedFile {
public:
    explicit UnfinishedFile(const fs::path& target)
        : target_(target), path_(beside(target, fmt::format(".part-{}", getpid())))
    {
        const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
        file_ = open(path_.c_str(), flags, 0600);
        if (file_ < 0) fail("make", path_, last_error());
    }
    UnfinishedFile(const UnfinishedFile&) = delete;
    UnfinishedFile& operator=(const UnfinishedFile&) = delete;
    ~UnfinishedFile()
    {
        close(file_);
        if (placed_) return;
        for (const std::string_view end : {"", "-journal", "-wal", "-shm"}) {
            unlink(beside(path_, end).c_str());
        }
    }

    const fs::path& path() const { return path_; }

    void give_to(uid_t user, gid_t group) const
    {
        if (fchown(file_, user, group) != 0) fail("change the owner of", path_, last_error());
    }

    /// From here on all of it is on the disk.
    void sync() const
    {
        if (fsync(file_) != 0) fail("write", path_, last_error());
    }

    void put_in_place()
    {
        if (rename(path_.c_str(), target_.c_str()) != 0) fail("make", target_, last_error());
        placed_ = true;
        const fs::path folder = fs::absolute(target_).parent_path();
        const int handle = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (handle < 0) return;
        fsync(handle);
        close(handle);
    }

private:
    fs::path target_;
    fs::path path_;
    int file_ = -1;
    bool placed_ = false;
};

/// Copies and checks it, and returns what is in it.
BackupContents copy_and_check(const fs::path& from, const fs::path& to)
{
    const Handle source = open_source(from);
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(to.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
    const Handle target(opened);
    check(code, opened, "open", to);

    // In one step: readers do not hold up the node that writes, and nothing begins anew.
    sqlite3_backup* const backup = sqlite3_backup_init(opened, "main", source.get(), "main");
    if (backup == nullptr) fail("write", to, sqlite3_errmsg(opened));
    const int copied = sqlite3_backup_step(backup, -1);
    const int ended = sqlite3_backup_finish(backup);
    if (copied != SQLITE_DONE)
        fail("copy", from, sqlite3_errstr(ended == SQLITE_OK ? copied : ended));

    // One file: without a write-ahead log beside it.
    value(opened, "PRAGMA journal_mode = DELETE", to);
    const std::string verdict = value(opened, "PRAGMA integrity_check(1)", from);
    if (verdict != "ok") fail("use", from, "it is damaged: " + verdict);
    if (value(opened, "SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'", from)
            .empty()) {
        fail("use", from, "it is not a database of peercron");
    }
    const std::string newest = value(opened, "SELECT MAX(number) FROM schema_migration", from);
    if (std::stoll("0" + newest) > std::ssize(sqlite_migrations())) {
        fail("use", from,
             fmt::format("it is newer than this program: it has migration {}, and this peercron "
                         "knows those up to {}",
                         newest, sqlite_migrations().back().name));
    }
    BackupContents contents;
    contents.jobs = std::stoll(value(opened, "SELECT COUNT(*) FROM cron", from));
    contents.rows = std::stoll(value(opened, "SELECT COUNT(*) FROM log", from));
    const std::string through =
        value(opened, "SELECT planned_through FROM term WHERE id = 1", from);
    if (!through.empty()) contents.planned_through = from_unix_millis(std::stoll(through));
    contents.bytes = fs::file_size(to);
    return contents;
}

bool is_same_file(const fs::path& a, const fs::path& b)
{
    std::error_code error;
    return fs::equivalent(a, b, error);
}

/// Writes what is in the log into the database, so that the log is not needed any more. One that
/// cannot be read keeps it.
void settle(const fs::path& database)
{
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(database.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
    const Handle handle(opened);
    if (code != SQLITE_OK) return;
    sqlite3_exec(opened, "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr);
}

/// Gives the database, and what SQLite has beside it, a name of its own, under which it stays when
/// another one takes its place.
fs::path put_aside(const fs::path& database, WallTime now)
{
    if (!fs::exists(database)) return {};
    settle(database);
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    const fs::path wanted =
        beside(database, fmt::format(".before-restore-{:%Y%m%dT%H%M%SZ}",
                                     fmt::gmtime(std::chrono::system_clock::to_time_t(second))));
    fs::path kept = wanted;
    for (int i = 2; fs::exists(kept); ++i) kept = beside(wanted, fmt::format("-{}", i));
    std::error_code error;
    // Its log first: it must never lie beside another database.
    if (fs::exists(beside(database, "-wal"))) {
        fs::rename(beside(database, "-wal"), beside(kept, "-wal"), error);
        if (error) fail("put aside", beside(database, "-wal"), error.message());
    }
    fs::remove(beside(database, "-shm"), error);
    // A second name for the file, so that a crash leaves no moment without a database. Some file
    // systems have none; there it is moved.
    if (link(database.c_str(), kept.c_str()) == 0) return kept;
    fs::rename(database, kept, error);
    if (error) fail("put aside", database, error.message());
    return kept;
}

}  // namespace

BackupContents back_up(const SqliteSettings& settings, const fs::path& file, Existing existing)
{
    if (!fs::exists(settings.path)) {
        throw StoreError(fmt::format("there is no SQLite database {}", settings.path.string()));
    }
    if (is_same_file(settings.path, file)) fail("write", file, "it is the database itself");
    if (fs::is_directory(file)) fail("write", file, "it is a folder; name a file");
    if (existing == Existing::is_an_error && fs::exists(fs::symlink_status(file))) {
        fail("write", file, "it exists already; --force replaces it");
    }
    UnfinishedFile made(file);
    const BackupContents contents = copy_and_check(settings.path, made.path());
    made.sync();
    made.put_in_place();
    return contents;
}

Restored restore(const SqliteSettings& settings, const fs::path& backup, WallTime now)
{
    if (!fs::exists(backup)) fail("use", backup, "there is no such file");
    if (is_same_file(settings.path, backup)) fail("use", backup, "it is the database itself");
    const SqliteLock lock(settings);
    UnfinishedFile made(settings.path);
    Restored restored;
    restored.contents = copy_and_check(backup, made.path());
    struct stat folder {};
    // By root for the node's user.
    if (geteuid() == 0 && stat(fs::absolute(settings.path).parent_path().c_str(), &folder) == 0) {
        made.give_to(folder.st_uid, folder.st_gid);
    }
    made.sync();  // what can fail for want of space comes before the database is touched
    restored.kept = put_aside(settings.path, now);
    made.put_in_place();
    return restored;
}

}  // namespace peercron
