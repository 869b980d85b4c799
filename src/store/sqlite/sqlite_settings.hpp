#pragma once

#include <filesystem>

namespace peercron {

struct SqliteSettings {
    std::filesystem::path path;  ///< the database's file; its folder exists
};

}  // namespace peercron
