#include "base/own_file.hpp"

#include <spdlog/fmt/fmt.h>

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace peercron {

Result<void> check_own_file(const std::filesystem::path& path, const struct stat& status)
{
    constexpr auto advice =
        "only a regular file that belongs to this user, to root or to the folder's owner is used";
    if (S_ISLNK(status.st_mode)) {
        std::error_code ignored;
        return Error{fmt::format("{} is a symbolic link to {}; it is not followed: {}",
                                 path.string(),
                                 std::filesystem::read_symlink(path, ignored).string(), advice)};
    }
    if (!S_ISREG(status.st_mode)) {
        return Error{fmt::format("{} is not a regular file; {}", path.string(), advice)};
    }
    if (status.st_uid == geteuid() || status.st_uid == 0) return {};
    struct stat folder {};
    if (::stat(std::filesystem::absolute(path).parent_path().c_str(), &folder) == 0 &&
        folder.st_uid == status.st_uid) {
        return {};
    }
    return Error{fmt::format("{} belongs to user {}, and this process is of user {}; {}",
                             path.string(), status.st_uid, geteuid(), advice)};
}

Result<void> check_own_file(const std::filesystem::path& path)
{
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return check_own_file(path, status);
    if (errno == ENOENT) return {};
    return Error{fmt::format("cannot inspect {}: {}", path.string(),
                             std::generic_category().message(errno))};
}

}  // namespace peercron
