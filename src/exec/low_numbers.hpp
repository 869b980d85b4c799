#pragma once

#include "base/file_descriptor.hpp"

#include <cstddef>
#include <mutex>
#include <vector>

namespace peercron {

/// Low descriptor numbers, reserved for a descriptor that a child gets: for each child,
/// start_program() copies all descriptors below it, and beside many runs the next free number is
/// high.
///
/// Thread-safe.
class LowNumbers {
public:
    /// Takes the lowest numbers above 2 that are free.
    /// @param filler the descriptor that occupies them meanwhile; has to stay open. Throws
    ///               std::system_error.
    LowNumbers(int filler, std::size_t count);

    /// A descriptor under a low number, until this ends.
    class Loan {
    public:
        Loan(LowNumbers& numbers, int descriptor);
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        ~Loan();

        /// The low number, or the descriptor's own when none is left.
        int get() const { return low_ ? low_.get() : own_; }

    private:
        LowNumbers& numbers_;
        int own_;
        FileDescriptor low_;
    };

private:
    int filler_;
    std::mutex mutex_;
    std::vector<FileDescriptor> free_;
};

}  // namespace peercron
