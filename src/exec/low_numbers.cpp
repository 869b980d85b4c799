#include "exec/low_numbers.hpp"

#include "base/throw_errno.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace peercron {

LowNumbers::LowNumbers(int filler, std::size_t count) : filler_(filler)
{
    for (std::size_t i = 0; i < count; ++i) {
        FileDescriptor low(::fcntl(filler, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
        if (!low) throw_errno("fcntl");
        free_.push_back(std::move(low));
    }
}

LowNumbers::Loan::Loan(LowNumbers& numbers, int descriptor) : numbers_(numbers), own_(descriptor)
{
    const std::lock_guard lock(numbers_.mutex_);
    if (numbers_.free_.empty()) return;
    if (::dup3(own_, numbers_.free_.back().get(), O_CLOEXEC) < 0) return;
    low_ = std::move(numbers_.free_.back());
    numbers_.free_.pop_back();
}

LowNumbers::Loan::~Loan()
{
    if (!low_) return;
    // In one step, so that nobody else gets the number in between.
    if (::dup3(numbers_.filler_, low_.get(), O_CLOEXEC) < 0) return;
    const std::lock_guard lock(numbers_.mutex_);
    numbers_.free_.push_back(std::move(low_));
}

}  // namespace peercron
