#include "exec/control_groups.hpp"

#include "base/clock.hpp"
#include "exec/process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

namespace peercron {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string text_of(const fs::path& path)
{
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Where this machine has groups of version 2; "" = nowhere.
fs::path group_mount()
{
    std::istringstream lines(text_of("/proc/self/mountinfo"));
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" - cgroup2 ") == std::string::npos) continue;
        std::istringstream words(line);
        std::string word;
        for (int i = 0; i < 5; ++i) words >> word;
        return word;
    }
    return {};
}

/// With real groups: a folder of its own among this machine's.
class ControlGroupsTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        const fs::path mount = group_mount();
        if (mount.empty()) GTEST_SKIP() << "this machine has no control groups of version 2";
        root_ = mount / ("peercron-test-" + std::to_string(::getpid()));
        if (::mkdir(root_.c_str(), 0755) != 0) {
            const std::string why = std::strerror(errno);
            root_.clear();
            GTEST_SKIP() << "no group can be made in " << mount << ": " << why;
        }
    }

    void TearDown() override
    {
        if (root_.empty()) return;
        std::ofstream(root_ / "cgroup.kill") << "1";
        for (int tries = 0; tries < 200 && fs::exists(root_); ++tries) {
            for (const auto& entry : fs::directory_iterator(root_)) {
                if (entry.is_directory()) ::rmdir(entry.path().c_str());
            }
            ::rmdir(root_.c_str());
            std::this_thread::sleep_for(10ms);
        }
        EXPECT_FALSE(fs::exists(root_));
    }

    /// Whether this machine's groups of version 2 can limit it; otherwise the test ends.
    bool has(const std::string& controller) const
    {
        return text_of(root_ / "cgroup.controllers").find(controller) != std::string::npos;
    }

    std::size_t groups() const
    {
        std::size_t count = 0;
        for (const auto& entry : fs::directory_iterator(root_)) count += entry.is_directory();
        return count;
    }

    struct Ended {
        std::string output;
        ProcessEnd end;
        bool ran_out = false;
    };

    /// Runs a command in a group of these limits.
    Ended run(ControlGroups& groups, const ResourceLimits& limits, std::string command)
    {
        const auto group = groups.make(limits);
        EXPECT_TRUE(group) << group.error().message;
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        Process process;
        process.output = FileDescriptor(ends[0]);
        FileDescriptor writing(ends[1]);
        std::string name = "sh";
        std::string option = "-c";
        std::array<char*, 4> arguments{name.data(), option.data(), command.data(), nullptr};
        std::string path = "PATH=/usr/bin:/bin";
        std::array<char*, 2> environment{path.data(), nullptr};
        ProgramSetting setting;
        setting.cgroup = (*group)->processes();
        const FileDescriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        auto started = start_program({.paths = {"/bin/sh"},
                                      .arguments = arguments.data(),
                                      .environment = environment.data(),
                                      .input = null.get(),
                                      .output = writing.get(),
                                      .setting = &setting});
        EXPECT_TRUE(started) << started.error().message;
        writing.close();
        process.pid = started->pid;
        Ended ended;
        std::array<char, 512> piece{};
        for (ssize_t size; (size = ::read(process.output.get(), piece.data(), piece.size())) > 0;) {
            ended.output.append(piece.data(), static_cast<std::size_t>(size));
        }
        ended.end = reap(process);
        ended.ran_out = (*group)->ran_out_of_memory();
        return ended;
    }

    fs::path root_;
};

TEST_F(ControlGroupsTest, ACommandIsInAGroupOfItsOwnThatIsGoneAfterwards)
{
    ControlGroups groups(root_);
    const Ended first = run(groups, {}, "grep ^0:: /proc/self/cgroup");
    EXPECT_THAT(first.output, HasSubstr("/" + root_.filename().string() + "/run-1\n"));
    EXPECT_FALSE(first.ran_out);
    EXPECT_EQ(this->groups(), 0U);
    EXPECT_THAT(run(groups, {}, "cat /proc/self/cgroup").output, HasSubstr("/run-2\n"));
    EXPECT_EQ(text_of(root_ / "cgroup.procs"), "") << "and this process is in none of them";
}

TEST_F(ControlGroupsTest, AGroupThatIsStillInUseGoesLater)
{
    ControlGroups groups(root_);
    run(groups, {}, "sleep 1000 >/dev/null 2>&1 &");
    EXPECT_EQ(this->groups(), 1U);
    run(groups, {}, "true");
    EXPECT_EQ(this->groups(), 1U) << "the one with the sleeper";
    std::ofstream(root_ / "cgroup.kill") << "1";
    for (int tries = 0; tries < 1000 && this->groups() > 0; ++tries) {
        run(groups, {}, "true");
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(this->groups(), 0U);
}

TEST_F(ControlGroupsTest, WhatAnEarlierProcessHasLeftIsRemoved)
{
    ASSERT_EQ(::mkdir((root_ / "run-1").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((root_ / "node").c_str(), 0755), 0);
    ControlGroups groups(root_);
    EXPECT_FALSE(fs::exists(root_ / "run-1"));
    EXPECT_TRUE(fs::exists(root_ / "node"));
}

TEST_F(ControlGroupsTest, WithoutTheControllerNothingIsPromised)
{
    ControlGroups groups(root_);
    EXPECT_FALSE(groups.refusal({}));
    const auto expect = [&](const ResourceLimits& limits, const std::string& field,
                            const std::string& controller) {
        const auto why = groups.refusal(limits);
        if (has(controller)) {
            EXPECT_FALSE(why) << *why;
        } else {
            EXPECT_EQ(why, field + ": this node cannot limit it: " + root_.string() +
                               " has no controller " + controller);
        }
    };
    expect({.memory = 1 << 20}, "memory_max", "memory");
    expect({.cpu = 50}, "cpu_max", "cpu");
    expect({.processes = 5}, "pids_max", "pids");
}

TEST_F(ControlGroupsTest, ACommandThatWantsMoreMemoryIsEndedWhole)
{
    if (!has("memory")) GTEST_SKIP() << "groups of version 2 limit no memory on this machine";
    ControlGroups groups(root_);
    const Ended greedy =
        run(groups, {.memory = 16 << 20},
            "(sleep 1000 & echo $!; head -c 100000000 /dev/zero | tail | wc -c); echo survived");
    EXPECT_TRUE(greedy.ran_out);
    EXPECT_EQ(greedy.end.term_signal, SIGKILL) << greedy.output;
    EXPECT_THAT(greedy.output, ::testing::Not(HasSubstr("survived")));
    const Ended modest = run(groups, {.memory = 64 << 20}, "echo fits");
    EXPECT_EQ(modest.output, "fits\n");
    EXPECT_FALSE(modest.ran_out);
}

TEST_F(ControlGroupsTest, ACommandHasNoMoreProcessesThanItMay)
{
    if (!has("pids")) GTEST_SKIP() << "groups of version 2 count no processes on this machine";
    ControlGroups groups(root_);
    const Ended many = run(groups, {.processes = 3}, "for i in 1 2 3 4 5; do sleep 1 & done; wait");
    EXPECT_THAT(many.output, HasSubstr("ork")) << "cannot fork";
    EXPECT_EQ(run(groups, {.processes = 3}, "true | true").end.exit_code, 0);
}

TEST_F(ControlGroupsTest, ACommandHasNoMoreTimeOfAProcessorThanItMay)
{
    if (!has("cpu")) GTEST_SKIP() << "groups of version 2 limit no processor on this machine";
    ControlGroups groups(root_);
    const Ended busy = run(groups, {.cpu = 10},
                           "end=$(($(date +%s%N) + 2000000000)); cat /proc/self/cgroup; "
                           "while [ $(date +%s%N) -lt $end ]; do :; done");
    EXPECT_LT(busy.end.cpu_time, 1000ms) << "a tenth of two seconds, and not all of them";
}

TEST(NoControlGroupsTest, ANodeThatWasGivenNoneSaysSo)
{
    const ControlGroups none(std::string("systemd has given it none"));
    EXPECT_FALSE(none.refusal({}));
    EXPECT_EQ(none.refusal({.memory = 1 << 20}),
              "memory_max: this node cannot limit it: systemd has given it none");
    EXPECT_EQ(none.refusal({.cpu = 50}),
              "cpu_max: this node cannot limit it: systemd has given it none");
    EXPECT_EQ(none.refusal({.processes = 1}),
              "pids_max: this node cannot limit it: systemd has given it none");
}

}  // namespace
}  // namespace peercron
