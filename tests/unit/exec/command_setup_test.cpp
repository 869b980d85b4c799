#include "exec/command_setup.hpp"

#include "exec/process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace peercron {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

bool is_root()
{
    return ::geteuid() == 0;
}

/// Starts real commands, each with what a job asks for.
class CommandSetupTest : public ::testing::Test {
protected:
    CommandSetupTest()
    {
        std::string name = (fs::temp_directory_path() / "peercron-command-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        fs::permissions(folder_, fs::perms::all);
    }
    ~CommandSetupTest() override { fs::remove_all(folder_); }

    using Asks = std::function<void(JobPatch&)>;

    RunOrder order(std::string command, const Asks& asks) const
    {
        RunOrder order;
        order.id = RunId{12, from_unix_millis(1'795'219'200'000), 1};
        order.command = std::move(command);
        JobPatch patch;
        if (asks) asks(patch);
        order.fields = NodeFields(patch);
        order.inputs = inputs_;
        return order;
    }

    Result<Process, SpawnFailure> start(const std::string& command, const Asks& asks = nullptr)
    {
        const Spawner spawner("10.0.0.1:9991", "/bin/sh", rules_, clock_);
        return spawner.spawn(order(command, asks));
    }

    /// What it wrote.
    std::string output_of(const std::string& command, const Asks& asks = nullptr)
    {
        auto process = start(command, asks);
        if (!process) return "not started: " + process.error().message;
        std::string output;
        std::array<char, 4096> piece{};
        pollfd readable{process->output.get(), POLLIN, 0};
        while (::poll(&readable, 1, 20'000) == 1) {
            const ssize_t size = ::read(process->output.get(), piece.data(), piece.size());
            if (size <= 0) break;
            output.append(piece.data(), static_cast<std::size_t>(size));
        }
        end_ = reap(*process);
        return output;
    }

    SpawnFailure refusal_of(const std::string& command, const Asks& asks = nullptr)
    {
        auto process = start(command, asks);
        if (process) {
            reap(*process);
            return {"it was started"};
        }
        return process.error();
    }

    fs::path script(const std::string& name, const std::string& text)
    {
        const fs::path path = folder_ / name;
        std::ofstream(path) << text;
        fs::permissions(path, fs::perms::owner_all | fs::perms::group_exec | fs::perms::group_read |
                                  fs::perms::others_exec | fs::perms::others_read);
        return path;
    }

    SystemClock clock_;
    CommandRules rules_;
    std::vector<std::string> inputs_;  ///< that a person gives
    fs::path folder_;
    ProcessEnd end_;
};

TEST_F(CommandSetupTest, VariablesOfTheJobReplaceTheNodesAndTheLastOfANameCounts)
{
    ::setenv("KEPT", "of the node", 1);
    ::setenv("REPLACED", "of the node", 1);
    const std::string output = "\n" + output_of("env", [](JobPatch& job) {
                                   job.set(&Job::env, {"REPLACED=first", "NEW=a=b, \"c\" ä",
                                                       "REPLACED=of the job", "EMPTY="});
                               });
    ::unsetenv("KEPT");
    ::unsetenv("REPLACED");
    EXPECT_THAT(output, HasSubstr("\nKEPT=of the node\n"));
    EXPECT_THAT(output, HasSubstr("\nREPLACED=of the job\n"));
    EXPECT_THAT(output, Not(HasSubstr("REPLACED=of the node")));
    EXPECT_THAT(output, Not(HasSubstr("REPLACED=first")));
    EXPECT_THAT(output, HasSubstr("\nNEW=a=b, \"c\" ä\n"));
    EXPECT_THAT(output, HasSubstr("\nEMPTY=\n"));
    EXPECT_THAT(output, HasSubstr("\nPEERCRON_ATTEMPT=1\n"));
}

TEST_F(CommandSetupTest, ItsInputsAreVariables)
{
    inputs_ = {"LEVEL=full", "OTHER=1"};
    const std::string output = output_of("env | grep PEERCRON_INPUT | sort", [](JobPatch& job) {
        job.set(&Job::inputs, {"DAY=a day", "LEVEL:some|full", "EMPTY"});
    });
    EXPECT_EQ(output,
              "PEERCRON_INPUT_DAY=a day\nPEERCRON_INPUT_EMPTY=\nPEERCRON_INPUT_LEVEL=full\n");
}

TEST_F(CommandSetupTest, ACommandIsLookedUpInThePathThatItGets)
{
    script("only-here", "#!/bin/sh\necho found\n");
    const auto path = [this](JobPatch& job) {
        job.set(&Job::env, {"PATH=" + folder_.string() + ":/usr/bin:/bin"});
    };
    EXPECT_EQ(output_of("only-here", path), "found\n");
    EXPECT_EQ(output_of("only-here; true", path), "found\n") << "so does the shell";
    EXPECT_EQ(refusal_of("only-here").message, "it was started") << "the shell says: not found";
}

TEST_F(CommandSetupTest, ItStartsInItsFolder)
{
    const auto here = [this](JobPatch& job) { job.set(&Job::work_dir, folder_.string()); };
    EXPECT_EQ(output_of("pwd", here), folder_.string() + "\n");
    EXPECT_EQ(output_of("/bin/pwd", here), folder_.string() + "\n");
    EXPECT_EQ(output_of("/bin/pwd"), fs::current_path().string() + "\n");
}

TEST_F(CommandSetupTest, AFolderThatIsNotThereIsSaid)
{
    const SpawnFailure failure =
        refusal_of("true", [](JobPatch& job) { job.set(&Job::work_dir, "/no/such/folder"); });
    EXPECT_EQ(failure.message,
              "cannot start true: chdir to /no/such/folder: No such file or directory");
    EXPECT_EQ(failure.cause, Cause::refused);
    EXPECT_FALSE(failure.is_shortage);
}

TEST_F(CommandSetupTest, ItsFilesHaveItsMask)
{
    const fs::path file = folder_ / "made";
    output_of("touch " + file.string(), [](JobPatch& job) { job.set(&Job::umask, "027"); });
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0640U);
    EXPECT_NE(::umask(022), 027U) << "this process keeps its own";
}

TEST_F(CommandSetupTest, ItReadsItsInput)
{
    std::string text = "first\nsecond ä\n";
    const auto reads = [&text](JobPatch& job) { job.set(&Job::stdin_text, text); };
    EXPECT_EQ(output_of("cat", reads), text);
    EXPECT_EQ(output_of("read -r line; echo \"$line\"", reads), "first\n");
    text = std::string(65'535, 'x');
    EXPECT_EQ(output_of("wc -c", reads), "65535\n");
}

/// What nice(1) says of a command that is nicer by so much than this process.
std::string niceness(int more)
{
    return std::to_string(std::clamp(::getpriority(PRIO_PROCESS, 0) + more, -20, 19)) + "\n";
}

TEST_F(CommandSetupTest, ItIsAsNiceAsItSays)
{
    EXPECT_EQ(output_of("nice"), niceness(0));
    EXPECT_EQ(output_of("nice", [](JobPatch& job) { job.set(&Job::nice, 7); }), niceness(7));
    EXPECT_EQ(output_of("nice"), niceness(0)) << "nobody else is";
    if (!is_root()) GTEST_SKIP() << "only root can be less nice";
    EXPECT_EQ(output_of("nice", [](JobPatch& job) { job.set(&Job::nice, -5); }), niceness(-5));
}

TEST_F(CommandSetupTest, ItIsNotRunWithoutTheLimitsThatItAsksFor)
{
    const auto expect_refused = [this](const Asks& asks, const std::string& field) {
        const SpawnFailure failure = refusal_of("true", asks);
        EXPECT_EQ(failure.message,
                  field + ": this node cannot limit it: it was given no control group");
        EXPECT_EQ(failure.cause, Cause::refused);
    };
    expect_refused([](JobPatch& job) { job.set(&Job::memory_max, 64 << 20); }, "memory_max");
    expect_refused([](JobPatch& job) { job.set(&Job::cpu_max, 50); }, "cpu_max");
    expect_refused([](JobPatch& job) { job.set(&Job::pids_max, 10); }, "pids_max");
}

TEST_F(CommandSetupTest, OnlyListedUsersRunCommands)
{
    const auto as_nobody = [](JobPatch& job) { job.set(&Job::run_as, "nobody"); };
    EXPECT_EQ(refusal_of("id", as_nobody).message,
              "run_as: this node runs nothing as nobody; its [exec] run_as is empty");
    rules_.users = {"backup", "root"};
    const SpawnFailure failure = refusal_of("id", as_nobody);
    EXPECT_EQ(failure.message,
              "run_as: this node runs nothing as nobody; its [exec] run_as allows backup, root");
    EXPECT_EQ(failure.cause, Cause::refused);
    rules_.users = {"no-such-user"};
    EXPECT_EQ(
        refusal_of("id", [](JobPatch& job) { job.set(&Job::run_as, "no-such-user"); }).message,
        is_root() ? "run_as: this node has no user no-such-user"
                  : "run_as: this node runs as user " + std::to_string(::geteuid()) +
                        ", and only one of root can run commands as no-such-user");
}

/// Real users of this machine; the kernel lets only root become them.
class OtherUserTest : public CommandSetupTest {
protected:
    void SetUp() override
    {
        if (!is_root()) GTEST_SKIP() << "only root can run commands as others";
        rules_.users = {"nobody", "root"};
    }

    static void as_nobody(JobPatch& job) { job.set(&Job::run_as, "nobody"); }
};

TEST_F(OtherUserTest, TheCommandIsThatUserWithItsGroups)
{
    EXPECT_EQ(output_of("id -u", as_nobody), std::to_string(::getpwnam("nobody")->pw_uid) + "\n");
    EXPECT_EQ(output_of("id -G", as_nobody), output_of("id -G nobody"));
    EXPECT_EQ(
        output_of("cat /proc/self/status | grep -E '^(Uid|CapEff):' | tr -d '\\n'", as_nobody),
        "Uid:\t65534\t65534\t65534\t65534CapEff:\t0000000000000000");
    EXPECT_EQ(::geteuid(), 0U);
    EXPECT_EQ(output_of("id -u"), "0\n") << "and the next one is not";
}

TEST_F(OtherUserTest, TheCommandHasWhatTheUserWouldHave)
{
    ::setenv("HOME", "/of/the/node", 1);
    const std::string output = "\n" + output_of("env; umask; pwd", as_nobody);
    EXPECT_THAT(output, HasSubstr("\nUSER=nobody\n"));
    EXPECT_THAT(output, HasSubstr("\nLOGNAME=nobody\n"));
    EXPECT_THAT(output, HasSubstr("\nSHELL=" + std::string(::getpwnam("nobody")->pw_shell) + "\n"));
    EXPECT_THAT(output, HasSubstr("\nHOME=" + std::string(::getpwnam("nobody")->pw_dir) + "\n"));
    EXPECT_THAT(output, HasSubstr("\n0022\n"));
    EXPECT_THAT(output, ::testing::EndsWith("\n/\n")) << "it has no home";
    EXPECT_THAT(output, Not(HasSubstr("/of/the/node")));
    EXPECT_EQ(output_of("echo $HOME $(umask) $(pwd)",
                        [this](JobPatch& job) {
                            as_nobody(job);
                            job.set(&Job::env, {"HOME=/tmp"});
                            job.set(&Job::umask, "077");
                            job.set(&Job::work_dir, folder_.string());
                        }),
              "/tmp 0077 " + folder_.string() + "\n");
}

TEST_F(OtherUserTest, AFolderThatTheUserMayNotEnterIsRefused)
{
    fs::permissions(folder_, fs::perms::owner_all);
    const SpawnFailure failure = refusal_of("true", [this](JobPatch& job) {
        as_nobody(job);
        job.set(&Job::work_dir, folder_.string());
    });
    EXPECT_EQ(failure.message,
              "cannot start true: chdir to " + folder_.string() + ": Permission denied");
}

TEST_F(OtherUserTest, TheUserMayRaiseNothingButItsNiceness)
{
    EXPECT_EQ(output_of("nice",
                        [](JobPatch& job) {
                            as_nobody(job);
                            job.set(&Job::nice, -3);
                        }),
              niceness(-3))
        << "the node gives it";
    EXPECT_THAT(output_of("renice -n -20 -p $$ 2>&1", as_nobody), HasSubstr("Permission denied"));
}

TEST_F(OtherUserTest, OnlyTheUserReadsItsSecrets)
{
    fs::create_directory(folder_ / "source");
    std::ofstream(folder_ / "source/db") << "hunter2\n";
    fs::permissions(folder_ / "source", fs::perms::owner_all);
    rules_.secrets = {folder_ / "source", folder_ / "target"};
    const auto asks = [](JobPatch& job) {
        as_nobody(job);
        job.set(&Job::secrets, {"db"});
    };
    EXPECT_EQ(
        output_of("cat $PEERCRON_SECRETS_DIR/db; stat -c %a%U $PEERCRON_SECRETS_DIR/db", asks),
        "hunter2400nobody\n");
    EXPECT_THAT(output_of("ls " + (folder_ / "target").string() + " 2>&1", as_nobody),
                AnyOf(HasSubstr("Permission denied"), HasSubstr("No such file")));
}

TEST_F(OtherUserTest, ItDiesWithTheThreadThatStartedIt)
{
    // As the kernel ends commands when node and warden are killed at once.
    Result<Process, SpawnFailure> process = SpawnFailure{};
    std::thread starter([&] { process = start("exec sleep 1000", as_nobody); });
    starter.join();
    ASSERT_TRUE(process) << process.error().message;
    pollfd ended{process->pidfd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ended, 1, 20'000), 1);
    EXPECT_EQ(reap(*process).term_signal, SIGKILL);
}

TEST_F(OtherUserTest, TheUserCannotLookIntoThisProcessMeanwhile)
{
    output_of("true", as_nobody);
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

TEST_F(CommandSetupTest, ItFindsItsSecretsInAFolderOfItsOwn)
{
    fs::create_directory(folder_ / "source");
    std::ofstream(folder_ / "source/db") << "hunter2\n";
    rules_.secrets = {folder_ / "source", folder_ / "target"};
    const auto asks = [](JobPatch& job) { job.set(&Job::secrets, {"db"}); };
    EXPECT_EQ(output_of("cd $PEERCRON_SECRETS_DIR && ls && cat db", asks), "db\nhunter2");
    EXPECT_EQ(output_of("echo .$PEERCRON_SECRETS_DIR"), ".\n");
    const SpawnFailure failure = refusal_of("true", [](JobPatch& job) {
        job.set(&Job::secrets, {"db", "other"});
    });
    EXPECT_EQ(failure.cause, Cause::refused);
    EXPECT_THAT(failure.message, StartsWith("secrets: other cannot be read"));
}

class CommandFolderTest : public CommandSetupTest {
protected:
    CommandFolderTest()
    {
        rules_.folders = {"/no/such/folder", folder_.string()};
        fs::create_directory(folder_ / "below");
        allowed_ = script("allowed", "#!/bin/sh\necho allowed \"$@\"\n");
        script("below/deeper", "#!/bin/sh\necho deeper\n");
    }

    void expect_refused(const std::string& command, const std::string& why)
    {
        const SpawnFailure failure = refusal_of(command);
        EXPECT_THAT(failure.message, StartsWith("command: this node runs only programs from "));
        EXPECT_THAT(failure.message, HasSubstr(folder_.string()));
        EXPECT_THAT(failure.message, HasSubstr(why)) << command;
        EXPECT_EQ(failure.cause, Cause::refused);
    }

    fs::path allowed_;
};

TEST_F(CommandFolderTest, ProgramsInThemRunByPathAndByName)
{
    EXPECT_EQ(output_of(allowed_.string() + " one --two=3"), "allowed one --two=3\n");
    EXPECT_EQ(output_of("allowed"), "allowed\n");
    EXPECT_EQ(output_of((folder_ / "below/deeper").string()), "deeper\n");
    EXPECT_EQ(output_of((folder_ / "below/../allowed").string()), "allowed\n");
}

TEST_F(CommandFolderTest, NothingElseRuns)
{
    fs::create_symlink("/bin/echo", folder_ / "link");
    fs::create_directory(folder_.string() + "-beside");
    std::ofstream(folder_.string() + "-beside/program") << "#!/bin/sh\n";
    expect_refused("/bin/true", "\"/bin/true\" is in none of them");
    expect_refused("true", "\"true\" is in none of them");
    expect_refused((folder_ / "link").string(), "is in none of them");
    expect_refused("link", "is in none of them");
    expect_refused((folder_ / "../../bin/true").string(), "is in none of them");
    expect_refused(folder_.string() + "-beside/program", "is in none of them");
    expect_refused(folder_.string(), "is in none of them");
    expect_refused("./allowed", "\"./allowed\" is a relative path");
    expect_refused("below/deeper", "is a relative path");
    expect_refused("allowed; id", "needs a shell");
    expect_refused("allowed $(id)", "needs a shell");
    expect_refused("PATH=/bin allowed", "needs a shell");
    expect_refused("sh -c id", "is in none of them");
    expect_refused("no-such-program", "is in none of them");
    fs::remove_all(folder_.string() + "-beside");
}

TEST_F(CommandFolderTest, AScriptWithoutAFirstLineIsNotGivenToTheShell)
{
    script("plain", "echo it ran\n");
    const SpawnFailure failure = refusal_of("plain");
    EXPECT_EQ(failure.message, "cannot start plain: exec: Exec format error");
}

TEST_F(CommandFolderTest, VariablesOfAJobCouldMakeThemLoadOthers)
{
    const SpawnFailure failure = refusal_of(
        "allowed", [](JobPatch& job) { job.set(&Job::env, {"LD_PRELOAD=/tmp/mine.so"}); });
    EXPECT_EQ(failure.cause, Cause::refused);
    EXPECT_THAT(failure.message, StartsWith("env: this node runs only commands from its"));
}

}  // namespace
}  // namespace peercron
