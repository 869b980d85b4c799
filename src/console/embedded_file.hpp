#pragma once

#include <span>
#include <string_view>

namespace peercron {

/// A file of console/dist, compiled into the program.
struct EmbeddedFile {
    std::string_view name;
    std::string_view tag;  ///< names the content, for ETag
    std::string_view plain;
    std::string_view gzip;  ///< the same, compressed
};

std::span<const EmbeddedFile> console_files();

}  // namespace peercron
