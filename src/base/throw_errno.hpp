#pragma once

#include <cerrno>
#include <system_error>

namespace peercron {

/// Throws the std::system_error of errno; `what` names the call that has failed.
[[noreturn]] inline void throw_errno(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace peercron
