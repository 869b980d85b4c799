#include "store/sqlite/sqlite_lock.hpp"

#include "base/own_file.hpp"
#include "store/store.hpp"

#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace peercron {
namespace {

std::string last_error()
{
    return std::system_category().message(errno);
}

/// What the holder wrote; it may not have come to that yet.
std::string holder(int file)
{
    std::array<char, 32> text{};
    const ssize_t length = pread(file, text.data(), text.size(), 0);
    std::string pid(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return pid.empty() ? "another process" : "process " + pid;
}

/// Whether the lock was had in time; errno says why not.
bool take(int file, const std::filesystem::path& database, std::chrono::milliseconds patience)
{
    constexpr std::chrono::milliseconds pause{20};
    const auto end = std::chrono::steady_clock::now() + patience;
    bool told = false;
    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= end) return false;
        if (!std::exchange(told, true)) {
            spdlog::info("store: database {} is in use by {}; waiting up to {} s for it to end",
                         database.string(), holder(file), patience / std::chrono::seconds(1));
        }
        std::this_thread::sleep_for(pause);
    }
    return true;
}

}  // namespace

SqliteLock::SqliteLock(const SqliteSettings& settings, std::chrono::milliseconds patience)
{
    const std::string path = settings.path.string() + ".lock";
    if (const auto own = check_own_file(path); !own) throw StoreError(own.error().message);
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file_ < 0) {
        throw StoreError(fmt::format("cannot open the lock file {}: {}", path, last_error()));
    }
    if (!take(file_, settings.path, patience)) {
        const std::string why =
            errno == EWOULDBLOCK
                ? fmt::format("database {} is in use by {}; one node at a time works with it",
                              settings.path.string(), holder(file_))
                : fmt::format("cannot lock {}: {}", path, last_error());
        close(file_);
        throw StoreError(why);
    }
    const std::string pid = std::to_string(getpid()) + '\n';
    // Only for the message above: a lock without it is as good.
    if (ftruncate(file_, 0) == 0) {
        [[maybe_unused]] const ssize_t written = pwrite(file_, pid.data(), pid.size(), 0);
    }
}

SqliteLock::~SqliteLock()
{
    close(file_);
}

}  // namespace peercron
