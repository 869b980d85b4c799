#pragma once

#include "base/result.hpp"

#include <sys/stat.h>

#include <filesystem>

namespace peercron {

/// Whether a file that this program keeps its data in can be trusted: it is a regular file, no
/// symbolic link, and belongs to this user, to root, or to the owner of its folder, who can put
/// there what they like anyway. A folder that others may write into, like /tmp, could otherwise
/// make this program write into, or empty, a file of somebody else's choice.
/// @param status of the file itself (lstat, or fstat of what O_NOFOLLOW opened).
Result<void> check_own_file(const std::filesystem::path& path, const struct stat& status);

/// The same, by name; a file that is not there is fine.
Result<void> check_own_file(const std::filesystem::path& path);

}  // namespace peercron
