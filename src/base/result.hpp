#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace peercron {

/// Why something was refused or did not work, in words for the person who reads it:
/// what was wrong, where, and what is allowed.
struct Error {
    std::string message;

    friend bool operator==(const Error&, const Error&) = default;
};

/// Found by argument-dependent lookup when value() is called on a Result that holds an Error.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&)
{
    throw std::runtime_error(error.message);
}

/// A value, or the error that says why there is none. Used where the caller is expected to go on
/// after a "no"; see ARCHITECTURE.md, "Errors".
template <class T, class E = Error>
using Result = boost::system::result<T, E>;

}  // namespace peercron
