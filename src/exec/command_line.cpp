#include "exec/command_line.hpp"

#include <algorithm>
#include <array>

namespace peercron {
namespace {

constexpr std::string_view blanks = " \t";

bool is_plain(char c)
{
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte >= 0x80U ||
           std::string_view("_-+.,/:@= \t").find(c) != std::string_view::npos;
}

/// Reserved words and builtins of POSIX shells, dash and bash.
constexpr std::array<std::string_view, 75> shell_words{
    ".",      ":",       "alias",    "bg",      "bind",      "break",    "builtin", "caller",
    "case",   "cd",      "chdir",    "command", "compgen",   "complete", "compopt", "continue",
    "coproc", "declare", "dirs",     "disown",  "do",        "done",     "elif",    "else",
    "enable", "esac",    "eval",     "exec",    "exit",      "export",   "fc",      "fg",
    "fi",     "for",     "function", "getopts", "hash",      "help",     "history", "if",
    "in",     "jobs",    "kill",     "let",     "local",     "logout",   "mapfile", "popd",
    "printf", "pushd",   "pwd",      "read",    "readarray", "readonly", "return",  "select",
    "set",    "shift",   "shopt",    "source",  "suspend",   "test",     "then",    "time",
    "times",  "trap",    "type",     "typeset", "ulimit",    "umask",    "unalias", "unset",
    "until",  "wait",    "while",
};
static_assert(std::ranges::is_sorted(shell_words));

constexpr std::array<std::string_view, 3> builtins_like_programs{"echo", "false", "true"};

std::vector<std::string> split(std::string_view command)
{
    std::vector<std::string> words;
    std::size_t begin = command.find_first_not_of(blanks);
    while (begin != std::string_view::npos) {
        const std::size_t end = std::min(command.find_first_of(blanks, begin), command.size());
        words.emplace_back(command.substr(begin, end - begin));
        begin = command.find_first_not_of(blanks, end);
    }
    return words;
}

}  // namespace

std::optional<std::vector<std::string>> plain_words(std::string_view command)
{
    if (!std::ranges::all_of(command, is_plain)) return std::nullopt;
    std::vector<std::string> words = split(command);
    if (words.empty()) return std::nullopt;
    const std::string& program = words.front();
    if (program.find('=') != std::string::npos) return std::nullopt;
    if (std::ranges::binary_search(shell_words, std::string_view(program))) return std::nullopt;
    const bool with_option = words.size() > 1 && words[1].starts_with('-');
    const bool is_builtin =
        std::ranges::binary_search(builtins_like_programs, std::string_view(program));
    if (is_builtin && with_option) return std::nullopt;
    return words;
}

}  // namespace peercron
