#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace peercron {

/// How a command of the command line ends. Scripts rely on these numbers: they never change, and a
/// new case gets a new number.
enum class ExitStatus : std::uint8_t {
    done = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    conflict = 4,
    not_allowed = 5,
    unavailable = 6,
    unsuccessful = 10,
    not_clean = 11,
};

/// An exit status and what it means to the person who reads the manual.
struct ExitStatusText {
    ExitStatus status;
    std::string_view meaning;
};

/// All of them by number: help and manual are made from this one list.
std::span<const ExitStatusText> exit_statuses();

/// The exit status for an HTTP status that is not a success.
ExitStatus exit_status_of_http(unsigned http_status);

/// A command cannot go on: what the person is told, and the exit status. Caught once, where the
/// command was started (run_command).
class Failure : public std::runtime_error {
public:
    Failure(ExitStatus status, const std::string& message)
        : std::runtime_error(message), status_(status)
    {}

    ExitStatus status() const { return status_; }

private:
    ExitStatus status_;
};

}  // namespace peercron
