#include "exec/start_program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace peercron {
namespace {

class StartProgram : public ::testing::Test {
protected:
    StartProgram()
    {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        reading_ = FileDescriptor(ends[0]);
        writing_ = FileDescriptor(ends[1]);
    }

    Result<StartedProgram, NotStarted> start(const std::vector<std::string>& paths,
                                             std::string word, const rlimit* open_files = nullptr)
    {
        std::string name = "sh";
        std::string option = "-c";
        std::array<char*, 4> arguments{name.data(), option.data(), word.data(), nullptr};
        std::array<char*, 1> environment{nullptr};
        return start_program(
            {paths, arguments.data(), environment.data(), null_.get(), writing_.get(), open_files});
    }

    /// What it wrote until everybody had closed the pipe, and its status.
    std::pair<std::string, int> end_of(const StartedProgram& program)
    {
        writing_.close();
        std::string output;
        std::array<char, 512> piece{};
        for (ssize_t size; (size = ::read(reading_.get(), piece.data(), piece.size())) > 0;) {
            output.append(piece.data(), static_cast<std::size_t>(size));
        }
        pollfd ended{program.pidfd.get(), POLLIN, 0};
        EXPECT_EQ(::poll(&ended, 1, 20'000), 1);
        int status = 0;
        EXPECT_EQ(::waitpid(program.pid, &status, 0), program.pid);
        return {output, status};
    }

    FileDescriptor null_{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    FileDescriptor reading_;
    FileDescriptor writing_;
};

TEST_F(StartProgram, TakesTheFirstPathThatCanBeRun)
{
    const auto started = start({"/no/such/folder/sh", "/dev/null/sh", "/bin/sh"}, "echo it ran");
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(end_of(*started), std::pair(std::string("it ran\n"), 0));
}

TEST_F(StartProgram, SaysWhyItCannot)
{
    EXPECT_EQ(start({"/no/such/program"}, "").error().message, "exec: No such file or directory");
    EXPECT_EQ(start({"/dev/null", "/no/such/program"}, "").error().message,
              "exec: Permission denied");
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was left";
}

TEST_F(StartProgram, TheProgramLeadsItsOwnSessionAndGroup)
{
    const auto started = start({"/bin/sh"}, "cut -d' ' -f 5,6 /proc/$$/stat");
    ASSERT_TRUE(started);
    const std::string pid = std::to_string(started->pid);
    EXPECT_EQ(end_of(*started).first, pid + " " + pid + "\n");
}

TEST_F(StartProgram, SignalsAreAtTheirDefaultsThereAndAsTheyWereHere)
{
    struct sigaction ignored {};
    ignored.sa_handler = SIG_IGN;
    struct sigaction before {};
    ASSERT_EQ(::sigaction(SIGUSR1, &ignored, &before), 0);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigset_t mask_before;
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &mask_before), 0);

    // Without another process: a shell that waits for one blocks signals.
    const auto started = start({"/bin/sh"},
                               "while read -r name value; do case $name in SigBlk:|SigIgn:)"
                               " echo $name $value;; esac; done < /proc/$$/status");
    struct sigaction after {};
    ::sigaction(SIGUSR1, &before, &after);
    sigset_t mask_after;
    ::pthread_sigmask(SIG_SETMASK, &mask_before, &mask_after);

    ASSERT_TRUE(started);
    EXPECT_EQ(end_of(*started).first, "SigBlk: 0000000000000000\nSigIgn: 0000000000000000\n");
    EXPECT_EQ(after.sa_handler, SIG_IGN);
    EXPECT_EQ(sigismember(&mask_after, SIGUSR2), 1);
    EXPECT_EQ(sigismember(&mask_after, SIGUSR1), 0);
}

TEST_F(StartProgram, NoDescriptorOfOursIsInherited)
{
    // Not close-on-exec, one below and one above those that the child gets.
    const FileDescriptor low(::open("/dev/null", O_RDONLY));  // NOLINT
    writing_ = FileDescriptor(::fcntl(writing_.get(), F_DUPFD_CLOEXEC, 100));
    const FileDescriptor high(::fcntl(low.get(), F_DUPFD, 200));  // NOLINT
    std::string script;
    for (const int ours : {null_.get(), writing_.get(), low.get(), high.get()}) {
        script += "[ ! -e /proc/$$/fd/" + std::to_string(ours) + " ] || echo inherited; ";
    }
    const auto started = start({"/bin/sh"}, script + "echo done");
    ASSERT_TRUE(started);
    EXPECT_EQ(end_of(*started).first, "done\n");
}

TEST_F(StartProgram, TheProgramHasItsOwnLimitOfDescriptors)
{
    rlimit ours{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &ours), 0);
    const rlimit theirs{ours.rlim_cur - 7, ours.rlim_max};
    const auto started = start({"/bin/sh"}, "ulimit -n", &theirs);
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(end_of(*started).first, std::to_string(theirs.rlim_cur) + "\n");
    rlimit after{};
    ::getrlimit(RLIMIT_NOFILE, &after);
    EXPECT_EQ(after.rlim_cur, ours.rlim_cur);
}

TEST_F(StartProgram, OurOwnDescriptorsStayWhatTheyAre)
{
    const auto ours = [] {
        std::map<std::string, std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            std::error_code gone;  // that of the iterator itself
            const auto target = std::filesystem::read_symlink(entry.path(), gone);
            if (!gone) found.emplace(entry.path().filename(), target);
        }
        return found;
    };
    const auto before = ours();
    {
        const auto started = start({"/bin/sh"}, "");
        ASSERT_TRUE(started);
        ::waitpid(started->pid, nullptr, 0);
        EXPECT_FALSE(start({"/no/such/program"}, ""));
    }
    EXPECT_EQ(ours(), before);
}

TEST(ProgramPaths, AreTheFoldersOfTheSearchPathInTheirOrder)
{
    using Paths = std::vector<std::string>;
    EXPECT_EQ(program_paths("ls", "/usr/bin:/bin"), (Paths{"/usr/bin/ls", "/bin/ls"}));
    EXPECT_EQ(program_paths("ls", "/usr/bin::/bin:"),
              (Paths{"/usr/bin/ls", "ls", "/bin/ls", "ls"}));
    EXPECT_EQ(program_paths("./ls", "/usr/bin:/bin"), (Paths{"./ls"}));
}

/// While one thread starts programs, children of its own end: their SIGCHLD is ignored, and must
/// not cost another thread a wake-up.
TEST_F(StartProgram, TheEndsOfChildrenInterruptNoOtherThread)
{
    FileDescriptor nothing(::epoll_create1(EPOLL_CLOEXEC));
    FileDescriptor done(::eventfd(0, EFD_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLIN;
    ASSERT_EQ(::epoll_ctl(nothing.get(), EPOLL_CTL_ADD, done.get(), &event), 0);
    std::jthread starting([&] {
        constexpr int rounds = 300;
        std::vector<StartedProgram> programs;
        for (int i = 0; i < rounds; ++i) {
            auto program = start({"/bin/sh"}, "");
            EXPECT_TRUE(program);
            if (program) programs.push_back(std::move(*program));
        }
        for (const StartedProgram& program : programs) ::waitpid(program.pid, nullptr, 0);
        ::eventfd_write(done.get(), 1);
    });
    EXPECT_EQ(::epoll_wait(nothing.get(), &event, 1, 60'000), 1) << "a signal is EINTR";
}

}  // namespace
}  // namespace peercron
