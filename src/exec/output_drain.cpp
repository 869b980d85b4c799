#include "exec/output_drain.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <utility>
#include <vector>

namespace peercron {
namespace {

constexpr std::chrono::milliseconds pace{50};

}  // namespace

OutputDrain::OutputDrain(asio::any_io_executor executor, std::size_t limit)
    : limit_(limit), readable_(std::move(executor))
{}

asio::awaitable<void> OutputDrain::run()
{
    for (;;) {
        const std::vector<std::uint64_t> tokens = co_await readable_.wait();
        for (const std::uint64_t token : tokens) discard(token);
        co_await readable_.rest(pace);
    }
}

void OutputDrain::add(FileDescriptor output, const RunId& run)
{
    if (limit_ == 0) return;
    if (outputs_.size() >= limit_) {
        const auto oldest = outputs_.begin();
        if (!std::exchange(has_said_so_, true)) {
            spdlog::warn(
                "executor: {} finished runs have left processes behind that can still write to "
                "their output; that of the oldest ({}) is closed, and its processes die at their "
                "next output (SIGPIPE); redirect the output of what a command leaves in the "
                "background",
                outputs_.size() + 1, to_string(oldest->second.run));
        }
        close(oldest);
    }
    try {
        readable_.add(output.get(), ++last_token_);
    } catch (const std::exception& e) {
        spdlog::error(
            "executor: the output of {} is closed while a process can still write to it: {}",
            to_string(run), e.what());
        return;
    }
    outputs_.emplace(last_token_, Output{std::move(output), run});
}

void OutputDrain::discard(std::uint64_t token)
{
    const auto output = outputs_.find(token);
    if (output == outputs_.end()) return;
    const ssize_t size = ::read(output->second.descriptor.get(), scratch_.data(), scratch_.size());
    if (size == 0) close(output);
}

void OutputDrain::close(Outputs::iterator output)
{
    readable_.remove(output->second.descriptor.get());
    outputs_.erase(output);
}

}  // namespace peercron
