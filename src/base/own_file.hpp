#pragma once

#include "base/result.hpp"

#include <sys/stat.h>

#include <filesystem>

namespace peercron {

/// Whether a file that this program keeps its data in can be trusted: it is a regular file, not a
/// symbolic link, and belongs to this user, to root, or to the owner of its folder, who can replace
/// it anyway. Otherwise, in a folder that others may write into, such as /tmp, anyone could make
/// this program write into a file of their choice, or empty it.
/// @param status of the file itself (lstat, or fstat of what O_NOFOLLOW opened).
Result<void> check_own_file(const std::filesystem::path& path, const struct stat& status);

/// The same, by name; a file that is not there is fine.
Result<void> check_own_file(const std::filesystem::path& path);

}  // namespace peercron
