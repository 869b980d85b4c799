#include "store/sqlite/sqlite_lock.hpp"

#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

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

}  // namespace

SqliteLock::SqliteLock(const SqliteSettings& settings)
{
    const std::string path = settings.path.string() + ".lock";
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file_ < 0) {
        throw StoreError(fmt::format("cannot open the lock file {}: {}", path, last_error()));
    }
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
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
