#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace peercron {

/// How long a client may take for the next part of an answer. A client that accepts nothing has a
/// limited time; one that accepts a little now and then may be slower than 16 KiB a second for the
/// same time in all, so that no client holds a long answer for hours.
class Patience {
public:
    explicit Patience(std::chrono::nanoseconds most) : most_(most), left_(most) {}

    std::chrono::nanoseconds left() const { return left_; }

    /// A part was accepted.
    void accepted(std::size_t bytes, std::chrono::nanoseconds took)
    {
        const std::chrono::duration<double> usual(static_cast<double>(bytes) / slowest);
        left_ += std::chrono::duration_cast<std::chrono::nanoseconds>(usual) - took;
        left_ = std::clamp(left_, std::chrono::nanoseconds(0), most_);
    }

private:
    static constexpr double slowest = 16.0 * 1024;  // bytes per second

    std::chrono::nanoseconds most_;
    std::chrono::nanoseconds left_;
};

}  // namespace peercron
