#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace peercron {

/// Exit codes from `first` to `last`, both included.
struct ExitCodes {
    int first = 0;
    int last = 0;

    bool contains(int code) const { return code >= first && code <= last; }

    friend bool operator==(const ExitCodes&, const ExitCodes&) = default;
};

/// Reads "3" or "10-19", codes from 0 to 255; nullopt for anything else.
std::optional<ExitCodes> parse_exit_codes(std::string_view text);

/// Whether a command that ended with `code` has succeeded, by its job's success_codes; none means
/// that 0 is the only one. What cannot be read counts as no code.
bool is_success_code(std::span<const std::string> success_codes, int code);

}  // namespace peercron
