#include "exec/descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <system_error>

namespace peercron {
namespace {

/// Sessions of a store in files have three each.
constexpr std::size_t rest_of_node = 96;
constexpr std::size_t for_each_run = 2;

}  // namespace

std::optional<rlimit> raise_descriptor_limit()
{
    rlimit before{};
    if (::getrlimit(RLIMIT_NOFILE, &before) != 0) return std::nullopt;
    if (before.rlim_cur == before.rlim_max) return std::nullopt;
    rlimit raised = before;
    raised.rlim_cur = before.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) return std::nullopt;
    return before;
}

void keep_descriptors_from_commands()
{
    std::error_code no_proc;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", no_proc)) {
        const int descriptor = std::atoi(entry.path().filename().c_str());
        if (descriptor > STDERR_FILENO) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
}

std::size_t descriptor_limit()
{
    rlimit limit{};
    const bool is_known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
    if (!is_known || limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<int>::max();
    return limit.rlim_cur;
}

RunShare share_of_runs(RunShare wanted, std::size_t limit)
{
    const std::size_t without_api = limit - limit / 4;
    const std::size_t available = without_api - std::min(without_api, rest_of_node);
    RunShare share{};
    share.left_outputs = std::min(wanted.left_outputs, available / 8);
    if (wanted.requests > 0) {
        share.requests = std::max<std::size_t>(std::min(wanted.requests, available / 4), 1);
    }
    const std::size_t taken = share.left_outputs + share.requests;
    const std::size_t for_runs = available - std::min(available, taken);
    const std::size_t most_slots = for_runs / for_each_run;
    share.slots = std::max<std::size_t>(std::min(wanted.slots, most_slots), 1);
    return share;
}

}  // namespace peercron
