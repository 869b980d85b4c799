#pragma once

#include "config/config.hpp"

#include <filesystem>

namespace peercron {

/// `backup`: the database of a lone node into a file. Says what is in it. Throws StoreError.
int back_up_database(const Config& config, const std::filesystem::path& file, bool force);

/// `restore`: the other way round. Throws StoreError.
int restore_database(const Config& config, const std::filesystem::path& file);

}  // namespace peercron
