#pragma once

#include "config/config.hpp"

#include <filesystem>

namespace peercron {

/// `backup`: copies the database of a single node into a file, and prints what is in it. Throws
/// StoreError.
int back_up_database(const Config& config, const std::filesystem::path& file, bool force);

/// `restore`: the other way round. Throws StoreError.
int restore_database(const Config& config, const std::filesystem::path& file);

}  // namespace peercron
