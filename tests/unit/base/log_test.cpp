#include "base/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

namespace peercron {
namespace {

/// Logs into a file of its own.
class LogTest : public ::testing::Test {
protected:
    LogTest()
    {
        LogSettings settings;
        settings.file = file_;
        std::filesystem::remove(file_);
        set_up_log(settings);
    }
    ~LogTest() override
    {
        spdlog::set_default_logger(before_);
        std::filesystem::remove(file_);
    }

    std::string written() const
    {
        std::ifstream in(file_);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    std::string file_ = ::testing::TempDir() + "peercron-log-" + std::to_string(::getpid());
    std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

TEST_F(LogTest, WhatOthersWriteCannotActOnIt)
{
    spdlog::info("wire: refused \033[2J\u202Enode\u009B\n2026-11-28T00:00:00.000+0000 info forged");
    const std::string line = written();
    EXPECT_NE(line.find(" info wire: refused ^[[2J<U+202E>node<U+009B>\n    2026-11-28T"),
              std::string::npos)
        << line;
}

TEST_F(LogTest, ItsFileIsNotForCommands)
{
    bool is_found = false;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry.path(), gone) != file_) continue;
        is_found = true;
        EXPECT_NE(::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC, 0);
    }
    EXPECT_TRUE(is_found);
}

}  // namespace
}  // namespace peercron
