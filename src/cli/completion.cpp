#include "cli/completion.hpp"

#include "cli/shell_quote.hpp"
#include "model/policy.hpp"
#include "model/role.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <string_view>

namespace peercron {
namespace {

constexpr std::string_view state_words =
    "planned running success failed timeout killed lost fenced skipped revoked";

/// Names that the node is asked for.
struct AskedNames {
    std::string_view kind;      ///< of the value: OptionInfo::value
    std::string_view function;  ///< of the shell
    std::string_view command;   ///< prints them, one a line
};
constexpr std::array<AskedNames, 2> asked_names{
    {{"JOB", "_peercron_jobs", "peercron job list --quiet --limit 500 2>/dev/null"},
     {"CALENDAR", "_peercron_calendars", "peercron calendar list --quiet 2>/dev/null"}}};

const AskedNames* find_asked(std::string_view kind)
{
    const auto* const found = std::ranges::find(asked_names, kind, &AskedNames::kind);
    return found == asked_names.end() ? nullptr : found;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator)
{
    return fmt::format("{}", fmt::join(words, separator));
}

/// Calls `visit` with every command that can be typed and its path, "/job/add"; "" is the program.
void walk(const CommandInfo& command, const std::string& path,
          const std::function<void(const CommandInfo&, const std::string&)>& visit)
{
    visit(command, path);
    for (const CommandInfo& sub : command.commands) walk(sub, path + '/' + sub.name, visit);
}

std::vector<std::string> option_names(const CommandInfo& command)
{
    std::vector<std::string> names;
    for (const OptionInfo& option : command.options) {
        if (option.positional) continue;
        names.insert(names.end(), option.names.begin(), option.names.end());
    }
    names.emplace_back("--help");
    return names;
}

std::vector<std::string> command_names(const CommandInfo& command)
{
    std::vector<std::string> names;
    for (const CommandInfo& sub : command.commands) names.push_back(sub.name);
    return names;
}

template <class Policy>
std::string policy_words()
{
    return fmt::format("{}", fmt::join(PolicyNames<Policy>::names, " "));
}

/// The words of which a value of this kind is one; empty: it is of another kind.
std::string words_of(std::string_view kind)
{
    if (kind == "STATE") return std::string(state_words);
    if (kind == "SHELL") return "bash zsh";
    if (kind == "DELIVERY") return policy_words<Delivery>();
    if (kind == "POLICY") return policy_words<Misfire>();
    if (kind == "OVERLAP") return policy_words<Overlap>();
    if (kind == "KIND") return policy_words<JobKind>();
    if (kind == "METHOD") return policy_words<HttpMethod>();
    if (kind == "SPREAD") return policy_words<Spread>();
    if (kind == "WHEN") return policy_words<Restart>();
    if (kind == "OUTCOME") return policy_words<RunAfterOn>();
    if (kind == "ROLE") return fmt::format("{}", fmt::join(role_words, " "));
    if (kind == "on|off") return "on off";
    if (kind == "WHICH") return "missing failed all";
    if (kind == "WHAT") return "slow fast silent more-output more-memory any";
    return {};
}

/// What bash is to do for a value of this kind; empty: it offers nothing.
std::string bash_value(std::string_view kind)
{
    if (const auto* names = find_asked(kind)) return fmt::format("{} \"$cur\"", names->function);
    if (const std::string words = words_of(kind); !words.empty()) {
        return fmt::format(R"x(COMPREPLY=($(compgen -W '{}' -- "$cur")))x", words);
    }
    if (kind == "FILE") return R"x(mapfile -t COMPREPLY < <(compgen -f -- "$cur"))x";
    if (kind == "DIR") return R"x(mapfile -t COMPREPLY < <(compgen -d -- "$cur"))x";
    return {};
}

/// The same for zsh's _arguments: the action behind "message:".
std::string zsh_action(std::string_view kind)
{
    if (const auto* names = find_asked(kind)) return std::string(names->function);
    if (const std::string words = words_of(kind); !words.empty()) {
        return fmt::format("({})", words);
    }
    if (kind == "FILE") return "_files";
    if (kind == "DIR") return "_files -/";
    return " ";
}

/// For the parts of an _arguments specification, in which ':' and brackets have a meaning.
std::string zsh_escaped(std::string_view text)
{
    std::string escaped;
    for (const char c : text) {
        if (c == ':' || c == '[' || c == ']' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

std::string zsh_function(std::string_view path)
{
    std::string name = "_peercron";
    for (const char c : path) name += c == '/' || c == '-' ? '_' : c;
    return name;
}

void append_zsh_options(std::string& script, const CommandInfo& command)
{
    for (const OptionInfo& option : command.options) {
        if (option.positional) continue;
        for (const std::string& name : option.names) {
            std::string spec = fmt::format("{}[{}]", name, zsh_escaped(option.description));
            if (!option.value.empty()) {
                spec += fmt::format(":{}:{}", zsh_escaped(option.value), zsh_action(option.value));
            }
            script += fmt::format("        {} \\\n", shell_quote(spec));
        }
    }
    script += "        '--help[Print this command'\\''s help]' \\\n";
}

void append_zsh_leaf(std::string& script, const CommandInfo& command, const std::string& path)
{
    script += fmt::format("{}() {{\n    _arguments -s \\\n", zsh_function(path));
    append_zsh_options(script, command);
    for (const OptionInfo& option : command.options) {
        if (!option.positional) continue;
        const std::string action = zsh_action(option.value);
        const std::string spec =
            option.repeats
                ? fmt::format("*:{}:{}", option.value, action == " " ? "_default" : action)
                : fmt::format("{}:{}:{}", option.required ? "" : ":", option.value, action);
        script += fmt::format("        {} \\\n", shell_quote(spec));
    }
    script += "        && return 0\n    return 1\n}\n\n";
}

void append_zsh_group(std::string& script, const CommandInfo& command, const std::string& path)
{
    const std::string function = zsh_function(path);
    script += fmt::format("{}() {{\n    local context state state_descr line\n", function);
    script += "    typeset -A opt_args\n    local -a commands=(\n";
    for (const CommandInfo& sub : command.commands) {
        const std::string item = fmt::format("{}:{}", sub.name, sub.description);
        script += fmt::format("        {}\n", shell_quote(item));
    }
    script += "    )\n    _arguments -C \\\n";
    append_zsh_options(script, command);
    script +=
        "        '1: :->command' \\\n"
        "        '*:: :->arguments' && return 0\n"
        "    case $state in\n"
        "        command) _describe -t commands command commands ;;\n"
        "        arguments)\n"
        "            case $line[1] in\n";
    for (const CommandInfo& sub : command.commands) {
        script += fmt::format("                {}) {} ;;\n", sub.name,
                              zsh_function(path + '/' + sub.name));
    }
    script += "            esac\n            ;;\n    esac\n}\n\n";
}

}  // namespace

std::string bash_completion(const CommandInfo& root)
{
    std::vector<std::string> paths;
    std::set<std::string> with_value;
    std::map<std::string, std::vector<std::string>> values;  // what to do → after which options
    std::string words;                                       // that may come next
    walk(root, "", [&](const CommandInfo& command, const std::string& path) {
        if (!path.empty()) paths.push_back(path);
        std::string positional;
        for (const OptionInfo& option : command.options) {
            if (option.positional) {
                if (positional.empty()) positional = bash_value(option.value);
                continue;
            }
            if (option.value.empty()) continue;
            with_value.insert(option.names.begin(), option.names.end());
            std::vector<std::string>& patterns = values[bash_value(option.value)];
            for (const std::string& name : option.names) patterns.push_back(path + ':' + name);
        }
        words += fmt::format("        '{}')\n            options='{}'\n            commands='{}'\n",
                             path, joined(option_names(command), " "),
                             joined(command_names(command), " "));
        if (!positional.empty()) {
            words += fmt::format("            [[ $cur == -* ]] || {{ {}; return; }}\n", positional);
        }
        words += "            ;;\n";
    });
    const std::vector<std::string> takers(with_value.begin(), with_value.end());
    std::string script =
        "# Completion of peercron for bash; made by `peercron completion bash`.\n\n";
    // Not `compgen -W`, which would expand a $(...) in a name that somebody else gave to a job.
    for (const AskedNames& names : asked_names) {
        script += fmt::format(
            "{}()\n{{\n"
            "    local name\n"
            "    while IFS= read -r name; do\n"
            "        [[ $name != \"$1\"* ]] || COMPREPLY+=(\"$(printf %q \"$name\")\")\n"
            "    done < <({})\n}}\n\n",
            names.function, names.command);
    }
    script +=
        "_peercron()\n{\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
        "    local path= word options= commands= i\n"
        "    COMPREPLY=()\n"
        "    # `--option=value` is three words here.\n"
        "    if [[ $cur == = ]]; then\n        cur=\n"
        "    elif [[ $previous == = && COMP_CWORD -ge 2 ]]; then\n"
        "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n    fi\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        word=${COMP_WORDS[i]}\n"
        "        [[ $word == -- ]] && return  # the words of a command: bash's own completion\n"
        "        case $word in\n";
    if (!takers.empty()) {
        script += fmt::format(
            "            {})\n                ((i++))\n                continue\n"
            "                ;;\n",
            joined(takers, " | "));
    }
    script += "        esac\n        case $path/$word in\n";
    script += fmt::format("            {}) path=$path/$word ;;\n", joined(paths, " | "));
    script += "        esac\n    done\n    case $path:$previous in\n";
    for (const auto& [action, patterns] : values) {
        script +=
            fmt::format("        {})\n            {}return\n            ;;\n",
                        joined(patterns, " | "), action.empty() ? "" : action + "\n            ");
    }
    script += "    esac\n    case $path in\n" + words;
    script +=
        "    esac\n"
        "    if [[ $cur == -* || -z $commands ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
        "    else\n"
        "        COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\"))\n"
        "    fi\n}\n\ncomplete -o bashdefault -F _peercron peercron\n";
    return script;
}

std::string zsh_completion(const CommandInfo& root)
{
    std::string script =
        "#compdef peercron\n# Completion of peercron for zsh; made by `peercron completion "
        "zsh`.\n\n";
    for (const AskedNames& asked : asked_names) {
        script += fmt::format(
            "{}() {{\n    local -a names\n    names=(${{(f)\"$({})\"}})\n"
            "    compadd -a names\n}}\n\n",
            asked.function, asked.command);
    }
    walk(root, "", [&script](const CommandInfo& command, const std::string& path) {
        if (command.commands.empty()) {
            append_zsh_leaf(script, command, path);
        } else {
            append_zsh_group(script, command, path);
        }
    });
    // Autoloaded, the file is the function's body; sourced, it registers the function.
    script +=
        "if [[ $funcstack[1] == _peercron ]]; then\n    _peercron \"$@\"\n"
        "else\n    compdef _peercron peercron\nfi\n";
    return script;
}

}  // namespace peercron
