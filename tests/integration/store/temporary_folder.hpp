#pragma once

#include "build_folder.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace peercron::testing {

/// An empty folder below the build's, removed with the object.
class TemporaryFolder {
public:
    TemporaryFolder()
    {
        const std::filesystem::path parent = build_folder() / "tests" / "test-folders";
        std::filesystem::create_directories(parent);
        std::string name = (parent / "XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) {
            throw std::system_error(errno, std::generic_category(), name);
        }
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace peercron::testing
