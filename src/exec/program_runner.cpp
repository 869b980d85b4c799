#include "exec/program_runner.hpp"

#include "base/event.hpp"
#include "base/file_descriptor.hpp"
#include "base/throw_errno.hpp"
#include "base/units.hpp"

#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

std::string words_of(const ProcessEnd& end)
{
    if (end.exit_code) return fmt::format("exit code {}", *end.exit_code);
    return fmt::format("signal {}", end.term_signal.value_or(0));
}

/// Whether the descriptor is readable, or its other end closed, before `limit`.
bool is_readable_until(int descriptor, SteadyTime limit)
{
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(limit - std::chrono::steady_clock::now());
        pollfd wanted{descriptor, POLLIN, 0};
        const int ready = ::poll(&wanted, 1, static_cast<int>(std::max(left.count(), {})));
        if (ready >= 0 || errno != EINTR) return ready > 0;
    }
}

}  // namespace

/// One program. The coroutine that waits for it may end earlier.
class ProgramRunner::Run : public std::enable_shared_from_this<Run> {
public:
    Run(asio::any_io_executor executor, ProgramCall call)
        : executor_(std::move(executor)),
          call_(std::move(call)),
          abandoned_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          ended_(executor_)
    {
        if (!abandoned_) throw_errno("eventfd");
    }

    asio::awaitable<ProgramAnswer> wait()
    {
        while (!answer_) co_await ended_.wait();
        co_return *std::move(answer_);
    }

    /// Nobody waits for it any more.
    void abandon()
    {
        is_abandoned_ = true;
        ::eventfd_write(abandoned_.get(), 1);
    }

    /// Blocks, in a thread of the runner.
    void carry_out(const Spawner& spawner)
    {
        if (is_abandoned_) return;
        ProgramAnswer answer = run_program(spawner);
        asio::post(executor_, [self = shared_from_this(), answer = std::move(answer)]() mutable {
            self->answer_ = std::move(answer);
            self->ended_.notify();
        });
    }

private:
    ProgramAnswer run_program(const Spawner& spawner)
    {
        ProgramAnswer answer;
        const auto process = spawner.spawn_program(call_.file, call_.variables, call_.input);
        if (!process) {
            answer.end = process.error().message;
            return answer;
        }
        const bool has_ended = follow(*process, answer.output);
        // The group's number is its own until the program is reaped.
        signal_group(*process, SIGKILL);
        const SteadyTime limit = std::chrono::steady_clock::now() + unkillable_after;
        const bool is_dead = is_readable_until(process->pidfd.get(), limit);
        read(*process, answer.output);
        if (is_dead) {
            const ProcessEnd end = reap(*process);
            answer.has_succeeded = has_ended && end.exit_code == 0;
            answer.end = words_of(end);
        }
        if (!has_ended) {
            answer.end =
                fmt::format("no end within {}; it was killed", format_duration(call_.timeout));
        }
        return answer;
    }

    /// False: its time is over, or nobody waits for it any more.
    bool follow(const Process& process, std::string& output)
    {
        const SteadyTime limit = process.started + call_.timeout;
        int reading = process.output.get();
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                limit - std::chrono::steady_clock::now());
            if (left.count() <= 0) return false;
            std::array<pollfd, 3> wanted{{{process.pidfd.get(), POLLIN, 0},
                                          {abandoned_.get(), POLLIN, 0},
                                          {reading, POLLIN, 0}}};
            if (::poll(wanted.data(), wanted.size(), static_cast<int>(left.count())) < 0) continue;
            if (wanted[1].revents != 0) return false;
            if (wanted[2].revents != 0 && !read(process, output)) reading = -1;
            if (wanted[0].revents != 0) return true;
        }
    }

    /// What there is to be read now. False: nobody will write any more.
    bool read(const Process& process, std::string& output) const
    {
        std::array<char, 4096> buffer{};
        // A program that writes without end is not read without end.
        constexpr int most_reads = 64;
        for (int i = 0; i < most_reads; ++i) {
            const ssize_t size = ::read(process.output.get(), buffer.data(), buffer.size());
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) return errno == EAGAIN;
            if (size == 0) return false;
            const std::size_t room = call_.most_output - std::min(call_.most_output, output.size());
            output.append(buffer.data(), std::min(room, static_cast<std::size_t>(size)));
        }
        return true;
    }

    asio::any_io_executor executor_;
    const ProgramCall call_;
    FileDescriptor abandoned_;  // readable once it is
    std::atomic<bool> is_abandoned_ = false;
    Event ended_;
    std::optional<ProgramAnswer> answer_;
};

ProgramRunner::ProgramRunner(asio::any_io_executor executor, const Spawner& spawner)
    : executor_(std::move(executor)), spawner_(spawner)
{}

ProgramRunner::~ProgramRunner()
{
    close();
}

asio::awaitable<ProgramAnswer> ProgramRunner::run(ProgramCall call)
{
    const auto run = std::make_shared<Run>(executor_, std::move(call));
    const auto leave = [](Run* left) { left->abandon(); };
    const std::unique_ptr<Run, decltype(leave)> waiting(run.get(), leave);
    asio::post(threads_, [run, &spawner = spawner_] { run->carry_out(spawner); });
    ProgramAnswer answer = co_await run->wait();
    co_return answer;
}

void ProgramRunner::close()
{
    threads_.join();
}

}  // namespace peercron
