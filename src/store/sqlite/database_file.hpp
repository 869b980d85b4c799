#pragma once

#include "store/sqlite/writer_turn.hpp"

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace peercron {

/// The files of one SQLite database (itself, "-wal" and "-shm") as all connections of this process
/// see them. SQLite does not notice when one of them is deleted or replaced: it goes on with the
/// open file, which nobody else will ever see, while a new connection opens the file that is there
/// now. So the open files are compared with those under their names.
///
/// Nothing here opens a file: closing it would release the locks that SQLite has on it
/// (https://www.sqlite.org/howtocorrupt.html, 2.2).
class DatabaseFile {
public:
    /// One per process and database, for as long as somebody has it.
    static std::shared_ptr<DatabaseFile> of(const std::filesystem::path& file);

    explicit DatabaseFile(std::filesystem::path path) : path_(std::move(path)) {}

    /// With no symbolic link in its folder, since SQLITE_OPEN_NOFOLLOW takes none anywhere.
    const std::filesystem::path& path() const { return path_; }

    WriterQueue& writers() { return writers_; }

    /// What has happened to the files since they were opened; "" = nothing. The log says it once,
    /// and once when all is well again. For a thread that has a connection.
    std::string trouble();

    /// Held while a connection is opened or closed.
    std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

    // With lock():
    /// Why no connection may be opened; "" = it may.
    std::string refusal();
    /// Whether the file may be created: not if this process has worked with it before.
    bool may_be_made() const { return !ids_[0]; }
    void opened();
    void closed();

private:
    struct Id {
        dev_t device = 0;
        ino_t inode = 0;
        friend bool operator==(const Id&, const Id&) = default;
    };
    static constexpr std::array ends{"", "-wal", "-shm"};

    std::filesystem::path name(std::size_t i) const { return path_.string() + ends[i]; }
    static std::optional<Id> find(const std::filesystem::path& file);
    std::string changed() const;

    const std::filesystem::path path_;
    WriterQueue writers_;
    std::mutex mutex_;
    std::size_t connections_ = 0;
    /// Of the database from the first connection on; of the others while there is one, for SQLite
    /// removes them with the last. They change only when no thread has a connection.
    std::array<std::optional<Id>, ends.size()> ids_;
    std::atomic<bool> told_ = false;
};

}  // namespace peercron
