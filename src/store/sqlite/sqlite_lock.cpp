#include "store/sqlite/sqlite_lock.hpp"

#include "base/own_file.hpp"
#include "store/store.hpp"

#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace peercron {
namespace {

std::string errno_text()
{
    return std::system_category().message(errno);
}

/// Opens the lock file. One that root makes (`peercron restore` on a new machine) is given to the
/// owner of the folder, as whom the node will run, if that can be done.
int open_lock(const std::filesystem::path& path)
{
    constexpr int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    const int made = open(path.c_str(), flags | O_CREAT | O_EXCL, 0600);
    if (made < 0) return errno == EEXIST ? open(path.c_str(), flags) : -1;
    struct stat folder {};
    const auto parent = std::filesystem::absolute(path).parent_path();
    if (geteuid() == 0 && stat(parent.c_str(), &folder) == 0) {
        [[maybe_unused]] const int given = fchown(made, folder.st_uid, folder.st_gid);
    }
    return made;
}

// What a holder that is altering the tables has behind its number.
constexpr std::string_view altering = " altering";

/// What the holder wrote: its number, and maybe what it does. It may not have done so yet.
std::string read_note(int file)
{
    std::array<char, 32> text{};
    const ssize_t length = pread(file, text.data(), text.size(), 0);
    std::string note(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    return note.substr(0, note.find('\n'));
}

std::string holder(int file)
{
    const std::string note = read_note(file);
    return note.empty() ? "another process" : "process " + note.substr(0, note.find(' '));
}

/// Whether the lock was taken in time; errno says why not.
bool take(int file, const std::filesystem::path& database, std::chrono::milliseconds patience,
          const MigrationWatch& watch)
{
    constexpr std::chrono::milliseconds pause{20};
    auto end = std::chrono::steady_clock::now() + patience;
    bool told = false;
    std::optional<Stopwatch> waiting;
    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) return false;
        if (read_note(file).ends_with(altering)) {
            const bool first = !waiting;
            if (first) waiting.emplace(watch);
            if (first || waiting->rings()) {
                spdlog::info("store: {} is altering the tables of {}; waiting since {} s",
                             holder(file), database.string(), waiting->elapsed().count());
            }
            end = std::chrono::steady_clock::now() + patience;
        } else if (std::chrono::steady_clock::now() >= end) {
            errno = EWOULDBLOCK;
            return false;
        } else if (!std::exchange(told, true)) {
            spdlog::info("store: database {} is in use by {}; waiting up to {} s for it to end",
                         database.string(), holder(file), patience / std::chrono::seconds(1));
        }
        std::this_thread::sleep_for(pause);
    }
    return true;
}

}  // namespace

SqliteLock::SqliteLock(const SqliteSettings& settings, std::chrono::milliseconds patience,
                       const MigrationWatch& watch)
{
    const std::string path = settings.path.string() + ".lock";
    if (const auto own = check_own_file(path); !own) throw StoreError(own.error().message);
    file_ = open_lock(path);
    if (file_ < 0) {
        throw StoreError(fmt::format("cannot open the lock file {}: {}", path, errno_text()));
    }
    if (!take(file_, settings.path, patience, watch)) {
        const std::string why =
            errno == EWOULDBLOCK
                ? fmt::format("database {} is in use by {}; only one node at a time can use it",
                              settings.path.string(), holder(file_))
                : fmt::format("cannot lock {}: {}", path, errno_text());
        close(file_);
        throw StoreError(why);
    }
    note("");
}

/// Only for the messages of others: a lock without it is as good. First written, then cut, so that
/// nobody reads an empty file while the tables are altered.
void SqliteLock::note(std::string_view doing) const
{
    const std::string text = std::to_string(getpid()) + std::string(doing) + '\n';
    const ssize_t written = pwrite(file_, text.data(), text.size(), 0);
    if (written <= 0) return;
    [[maybe_unused]] const int cut = ftruncate(file_, written);
}

SqliteLock::~SqliteLock()
{
    close(file_);
}

SqliteLock::Altering::Altering(const SqliteLock& lock) : lock_(lock)
{
    lock_.note(altering);
}

SqliteLock::Altering::~Altering()
{
    lock_.note("");
}

}  // namespace peercron
