#include "store/sqlite/database_file.hpp"

#include "base/own_file.hpp"

#include <spdlog/spdlog.h>

#include <sys/stat.h>
#include <unistd.h>

#include <map>

namespace peercron {

std::shared_ptr<DatabaseFile> DatabaseFile::of(const std::filesystem::path& file)
{
    static std::mutex mutex;
    static std::map<std::filesystem::path, std::weak_ptr<DatabaseFile>> files;
    const std::filesystem::path whole = std::filesystem::absolute(file);
    const std::filesystem::path name =
        std::filesystem::weakly_canonical(whole.parent_path()) / whole.filename();
    const std::lock_guard lock(mutex);
    std::erase_if(files, [](const auto& entry) { return entry.second.expired(); });
    std::shared_ptr<DatabaseFile> found = files[name].lock();
    if (!found) {
        found = std::make_shared<DatabaseFile>(name);
        files[name] = found;
    }
    return found;
}

std::optional<DatabaseFile::Id> DatabaseFile::find(const std::filesystem::path& file)
{
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) return std::nullopt;
    return Id{status.st_dev, status.st_ino};
}

std::string DatabaseFile::changed() const
{
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        if (!ids_[i]) continue;
        const std::optional<Id> now = find(name(i));
        if (now == ids_[i]) continue;
        const std::string what =
            fmt::format("{} was {} under this process, so nothing is read or written there",
                        i == 0 ? "it" : fmt::format("its {} file", ends[i]),
                        now ? "replaced by another file" : "deleted or moved away");
        if (i > 0) {
            return what +
                   "; stop this node in good order (SIGTERM, not kill -9), so that it writes the "
                   "content of that file into the database, and start it again";
        }
        return fmt::format(
            "{}; move the file back, and this node goes on with it; or stop this node, put a "
            "backup there (peercron restore) and start it again. If there is no backup: the old "
            "content is in /proc/{}/fd until this node stops",
            what, getpid());
    }
    return "";
}

std::string DatabaseFile::trouble()
{
    std::string what = changed();
    if (told_.exchange(!what.empty()) == !what.empty()) return what;
    if (what.empty()) {
        spdlog::info("store: SQLite database {} is in its place again", path_.string());
    } else {
        spdlog::critical("store: SQLite database {}: {}", path_.string(), what);
    }
    return what;
}

std::string DatabaseFile::refusal()
{
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        if (const auto own = check_own_file(name(i)); !own) return own.error().message;
    }
    return trouble();
}

void DatabaseFile::opened()
{
    if (connections_++ > 0) return;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        if (i > 0 || !ids_[i]) ids_[i] = find(name(i));
    }
}

void DatabaseFile::closed()
{
    if (--connections_ > 0) return;
    for (std::size_t i = 1; i < ids_.size(); ++i) ids_[i].reset();
}

}  // namespace peercron
