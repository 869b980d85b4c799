#pragma once

#include "build_folder.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace peercron::testing {

/// Asks `condition` every few milliseconds until it holds or `limit` has passed; says whether it
/// held.
template <class Condition>
bool poll_until(Condition condition, std::chrono::milliseconds limit)
{
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

/// A port of loopback that was free for TCP and UDP a moment ago.
inline std::uint16_t free_port()
{
    for (int attempt = 0; attempt < 100; ++attempt) {
        const int tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        const bool free = ::bind(tcp, generic, size) == 0 &&
                          ::getsockname(tcp, generic, &size) == 0 &&
                          ::bind(udp, generic, size) == 0;
        ::close(tcp);
        ::close(udp);
        if (free) return ntohs(address.sin_port);
    }
    throw std::runtime_error("no free port on loopback");
}

/// Where a test's servers keep their data: a folder of this process, removed with the object.
class ServerFolder {
public:
    explicit ServerFolder(const std::string& name)
    {
        static int count = 0;
        path_ = build_folder() / "test-servers" /
                (name + "-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
        std::filesystem::create_directories(path_);
    }
    ServerFolder(const ServerFolder&) = delete;
    ServerFolder& operator=(const ServerFolder&) = delete;
    ~ServerFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// A program that runs beside the test and never outlives it: it is killed with the object, and
/// by the kernel when the test crashes. Start it from the main thread.
class ChildProcess {
public:
    /// Starts `command` (a path and its arguments) with all its output going to the file `log`.
    ChildProcess(std::vector<std::string> command, const std::filesystem::path& log)
    {
        std::vector<char*> argv;
        for (std::string& word : command) argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
        if (pid_ > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int null = ::open("/dev/null", O_RDONLY);
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        ::dup2(null, 0);
        ::dup2(out, 1);
        ::dup2(out, 2);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }

    /// Takes over a child that was forked already.
    explicit ChildProcess(pid_t pid) : pid_(pid) {}

    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess() { kill(); }

    pid_t id() const { return pid_; }

    bool running()
    {
        if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
        return pid_ > 0;
    }

    /// When it returns, none of its threads runs.
    void pause()
    {
        signal(SIGSTOP);
        int status = 0;
        if (pid_ > 0 && ::waitpid(pid_, &status, WUNTRACED) == pid_ && !WIFSTOPPED(status)) {
            pid_ = 0;
        }
    }

    void resume() { signal(SIGCONT); }

    /// SIGTERM, and SIGKILL if that does not end it within `limit`.
    void stop(std::chrono::milliseconds limit)
    {
        resume();
        signal(SIGTERM);
        poll_until([this] { return !running(); }, limit);
        kill();
    }

    void kill()
    {
        if (!running()) return;
        signal(SIGKILL);
        ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    }

private:
    void signal(int number)
    {
        if (running()) ::kill(pid_, number);
    }

    pid_t pid_ = 0;
};

}  // namespace peercron::testing
