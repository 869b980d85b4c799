#include "exec/warden.hpp"

#include "exec/process.hpp"
#include "exec/process_table.hpp"
#include "run_coroutine.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

namespace peercron {
namespace {

using namespace std::chrono_literals;

bool is_alive(pid_t pid)
{
    for (const ProcessEntry& process : list_processes()) {
        if (process.pid == pid) return !process.is_zombie;
    }
    return false;
}

bool dies_within(pid_t pid, std::chrono::seconds limit)
{
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
        if (!is_alive(pid)) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

/// A warden in a process of its own, and a pipe on which its node tells the test things.
class WardenTest : public ::testing::Test {
protected:
    WardenTest()
    {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
        reading_ = FileDescriptor(ends[0]);
        writing_ = FileDescriptor(ends[1]);
    }
    ~WardenTest() override
    {
        if (warden_ > 0) {
            ::kill(warden_, SIGKILL);
            ::waitpid(warden_, nullptr, 0);
        }
    }

    template <class F>
    void start(F node_main)
    {
        warden_ = ::fork();
        ASSERT_GE(warden_, 0);
        if (warden_ == 0) {
            WardenSettings settings;
            settings.orphan_grace = 200ms;
            ::_exit(run_warden(node_main, settings));
        }
        writing_.close();
    }

    /// In the node: starts a command and tells the test its pid.
    Process spawn(const char* command) const
    {
        Spawner spawner("node", "/bin/sh", clock_);
        RunOrder order;
        order.command = command;
        Result<Process> process = spawner.spawn(order);
        if (process.has_error()) std::abort();
        return std::move(*process);
    }
    void tell(long number) const
    {
        if (::write(writing_.get(), &number, sizeof number) != sizeof number) std::abort();
    }
    /// In the test; 0 when nothing comes.
    long hear() const
    {
        pollfd ready{reading_.get(), POLLIN, 0};
        long number = 0;
        if (::poll(&ready, 1, 20'000) != 1) return 0;
        if (::read(reading_.get(), &number, sizeof number) != sizeof number) return 0;
        return number;
    }
    pid_t hear_pid() const { return static_cast<pid_t>(hear()); }

    int exit_code()
    {
        int status = 0;
        ::waitpid(warden_, &status, 0);
        warden_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

    SystemClock clock_;
    FileDescriptor reading_;
    FileDescriptor writing_;
    pid_t warden_ = 0;
};

/// A node that does nothing; ends with its warden, so that a failing test leaves nothing behind.
int idle(const Lifeline& lifeline)
{
    pollfd warden_gone{lifeline.warden.get(), POLLIN, 0};
    while (::poll(&warden_gone, 1, -1) < 0) continue;
    return 1;
}

TEST_F(WardenTest, PassesTheExitCodeOn)
{
    start([](Lifeline) { return 42; });
    EXPECT_EQ(exit_code(), 42);
}

TEST_F(WardenTest, ANodeThatThrowsEndsWithOne)
{
    start([](Lifeline) -> int { throw std::runtime_error("no store"); });
    EXPECT_EQ(exit_code(), 1);
}

TEST_F(WardenTest, ASignalDeathIsPassedOnAsAShellWould)
{
    start([this](Lifeline lifeline) -> int {
        tell(::getpid());
        return idle(lifeline);
    });
    ::kill(hear_pid(), SIGKILL);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
}

TEST_F(WardenTest, AnInheritedIgnoredSigchldDoesNoHarm)
{
    ::signal(SIGCHLD, SIG_IGN);
    start([](Lifeline) { return 5; });
    ::signal(SIGCHLD, SIG_DFL);
    EXPECT_EQ(exit_code(), 5);
}

TEST_F(WardenTest, HandsSigtermOnToTheNode)
{
    start([this](Lifeline lifeline) -> int {
        ::signal(SIGTERM, [](int) { ::_exit(7); });
        tell(1);
        return idle(lifeline);
    });
    ASSERT_EQ(hear(), 1);
    ::kill(warden_, SIGTERM);
    EXPECT_EQ(exit_code(), 7);
}

TEST_F(WardenTest, HandsSighupOnToTheNode)
{
    start([this](Lifeline lifeline) -> int {
        ::signal(SIGHUP, [](int) { ::_exit(8); });
        tell(1);
        return idle(lifeline);
    });
    ASSERT_EQ(hear(), 1);
    ::kill(warden_, SIGHUP);
    EXPECT_EQ(exit_code(), 8);
}

TEST_F(WardenTest, WhenTheNodeIsKilledItsCommandsDieWithIt)
{
    start([this](Lifeline lifeline) -> int {
        tell(spawn("sleep 1000").pid);
        tell(spawn("trap '' TERM; while :; do sleep 0.05; done").pid);
        tell(::getpid());
        return idle(lifeline);
    });
    const pid_t obedient = hear_pid();
    const pid_t stubborn = hear_pid();
    const pid_t node = hear_pid();
    ASSERT_TRUE(is_alive(obedient));
    ASSERT_TRUE(is_alive(stubborn));
    ::kill(node, SIGKILL);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
    EXPECT_FALSE(is_alive(obedient));
    EXPECT_FALSE(is_alive(stubborn));
}

TEST_F(WardenTest, EndsTheGuardedRunsOfANodeThatDoesNotRenewItsLease)
{
    start([this](Lifeline lifeline) -> int {
        Guard guard(std::move(lifeline.guard));
        const Process free = spawn("sleep 1000");
        const Process done = spawn("sleep 1000");
        const Process guarded = spawn("trap '' TERM; while :; do sleep 0.05; done");
        guard.watch(done.pid);
        guard.forget(done.pid);
        guard.renew(clock_.steady_now() + 100ms);
        guard.watch(guarded.pid);
        reap(guarded);
        tell(is_alive(free.pid) && is_alive(done.pid) ? 1 : 2);
        return idle(lifeline);
    });
    EXPECT_EQ(hear(), 1);
}

TEST_F(WardenTest, ARenewedLeaseKeepsTheGuardedRuns)
{
    start([this](Lifeline lifeline) -> int {
        Guard guard(std::move(lifeline.guard));
        guard.renew(clock_.steady_now() + 1h);
        const Process guarded = spawn("sleep 1000");
        guard.watch(guarded.pid);
        // The warden has read that when it has read what follows.
        const Process last = spawn("sleep 1000");
        guard.watch(last.pid);
        guard.forget(guarded.pid);
        guard.renew(clock_.steady_now());
        reap(last);
        tell(is_alive(guarded.pid) ? 1 : 2);
        return idle(lifeline);
    });
    EXPECT_EQ(hear(), 1);
}

TEST_F(WardenTest, AProcessThatLeftItsSessionDiesWithTheNode)
{
    start([this](Lifeline lifeline) -> int {
        const Process run =
            spawn("setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & echo $!; wait");
        ::fcntl(run.output.get(), F_SETFL, 0);
        std::array<char, 32> text{};
        if (::read(run.output.get(), text.data(), text.size() - 1) <= 0) std::abort();
        tell(std::atol(text.data()));
        tell(::getpid());
        return idle(lifeline);
    });
    const pid_t daemon = hear_pid();
    ASSERT_TRUE(is_alive(daemon));
    ::kill(hear_pid(), SIGKILL);
    exit_code();
    EXPECT_FALSE(is_alive(daemon));
}

TEST_F(WardenTest, ABackgroundChildOutlivesItsRunButNotTheNode)
{
    start([this](Lifeline lifeline) -> int {
        const Process run = spawn("sleep 1000 & echo $!");
        ::fcntl(run.output.get(), F_SETFL, 0);
        std::array<char, 32> text{};
        if (::read(run.output.get(), text.data(), text.size() - 1) <= 0) std::abort();
        reap(run);
        tell(std::atol(text.data()));
        ::signal(SIGTERM, [](int) { ::_exit(0); });
        tell(1);
        return idle(lifeline);
    });
    const pid_t child = hear_pid();
    ASSERT_EQ(hear(), 1);
    EXPECT_TRUE(is_alive(child));
    ::kill(warden_, SIGTERM);
    EXPECT_EQ(exit_code(), 0);
    EXPECT_FALSE(is_alive(child));
}

TEST_F(WardenTest, ReapsOrphansWhileTheNodeLives)
{
    start([this](Lifeline lifeline) -> int {
        const Process run = spawn("sleep 0.2 & echo $!");
        ::fcntl(run.output.get(), F_SETFL, 0);
        std::array<char, 32> text{};
        if (::read(run.output.get(), text.data(), text.size() - 1) <= 0) std::abort();
        reap(run);
        tell(std::atol(text.data()));
        return idle(lifeline);
    });
    const pid_t orphan = hear_pid();
    ASSERT_GT(orphan, 0);
    const auto is_listed = [orphan] {
        for (const ProcessEntry& process : list_processes()) {
            if (process.pid == orphan) return true;
        }
        return false;
    };
    for (int i = 0; i < 2000 && is_listed(); ++i) std::this_thread::sleep_for(5ms);
    EXPECT_FALSE(is_listed()) << "not even as a zombie";
}

TEST_F(WardenTest, TheNodeNoticesThatTheWardenWasKilled)
{
    start([this](Lifeline lifeline) -> int {
        tell(spawn("setsid sleep 1000 & sleep 1000").pid);
        tell(::getpid());
        asio::io_context io(1);
        testing::run(io, wait_for_warden_death(std::move(lifeline.warden)));
        kill_descendants();
        return 1;
    });
    const pid_t command = hear_pid();
    const pid_t node = hear_pid();
    ASSERT_TRUE(is_alive(command));
    ::kill(warden_, SIGKILL);
    EXPECT_EQ(exit_code(), -SIGKILL);
    EXPECT_TRUE(dies_within(command, 20s));
    EXPECT_TRUE(dies_within(node, 20s));
}

}  // namespace
}  // namespace peercron
