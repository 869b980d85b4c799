#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// The words of a command that means the same with and without a shell; nullopt when only a shell
/// can tell.
///
/// Decided by what is known to be harmless, not by what is known to be special: letters, digits,
/// `_-+.,/:@=`, blanks, and bytes beyond ASCII. Anything else (quotes, expansions, operators, a
/// newline, …), an assignment in front, and a first word that is a reserved word or a builtin, need
/// the shell. `echo`, `true` and `false` without an option exist as programs that do what the
/// builtin does.
///
/// This does not check whether the first word is a program; when it is not, the caller starts the
/// shell, whose "not found" (exit code 127) people know.
///
/// Source: POSIX.1-2017, Shell Command Language, 2.2 Quoting, 2.4 Reserved Words, 2.14 Special
/// Built-In Utilities; dash(1) and bash(1) for the other builtins.
std::optional<std::vector<std::string>> plain_words(std::string_view command);

}  // namespace peercron
