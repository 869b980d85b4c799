#pragma once

#include <sys/resource.h>

#include <chrono>

namespace peercron::bench {

struct Elapsed {
    double wall_s = 0;
    double cpu_s = 0;
};

/// Time since it was made. All figures are in seconds.
class Stopwatch {
public:
    Elapsed elapsed() const { return {wall(), cpu()}; }

    double wall() const
    {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
    }

    /// What this process used, all threads, user and system.
    double cpu() const { return used(RUSAGE_SELF) - self_; }

    /// The same of the children that were waited for, and of theirs.
    double children_cpu() const { return used(RUSAGE_CHILDREN) - children_; }

private:
    static double used(int whose)
    {
        rusage usage{};
        ::getrusage(whose, &usage);
        const auto seconds = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
        };
        return seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }

    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    double self_ = used(RUSAGE_SELF);
    double children_ = used(RUSAGE_CHILDREN);
};

}  // namespace peercron::bench
