#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace peercron::testing {

/// The folder of the build, below which tests keep their data; never the current folder, which may
/// be the sources.
inline std::filesystem::path build_folder()
{
    const char* const folder = std::getenv("PEERCRON_BUILD_DIR");
    if (folder == nullptr) {
        throw std::runtime_error(
            "PEERCRON_BUILD_DIR is not set: run this test through ctest, or set it to a folder for "
            "the test's data");
    }
    return folder;
}

}  // namespace peercron::testing
