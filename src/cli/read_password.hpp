#pragma once

#include <string>

namespace peercron {

/// A password that a person types twice, unseen; or, where standard input is no terminal, its first
/// line. Never an argument: other users of the machine can see those.
/// Throws Failure.
std::string read_password(const std::string& prompt);

}  // namespace peercron
