#include "cli/man_page.hpp"

#include "cli/exit_status.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {
namespace {

std::string paragraph(std::string_view text)
{
    return ".PP\n" + roff_escaped(text) + '\n';
}

std::string tagged(std::string_view tag, std::string_view text)
{
    return fmt::format(".TP\n{}\n{}\n", tag, roff_escaped(text));
}

std::string bold(std::string_view text)
{
    return "\\fB" + roff_escaped(text) + "\\fR";
}

std::string italic(std::string_view text)
{
    return "\\fI" + roff_escaped(text) + "\\fR";
}

std::string examples_of(const std::vector<std::string>& lines)
{
    if (lines.empty()) return {};
    std::string text = ".PP\n.in +4n\n.EX\n";
    for (const std::string& line : lines) text += roff_escaped(line) + '\n';
    return text + ".EE\n.in\n";
}

std::string usage(const std::string& path, const CommandInfo& command)
{
    std::string line = bold(path);
    if (!command.options.empty()) line += " [" + italic("options") + "]";
    for (const OptionInfo& option : command.options) {
        if (!option.positional) continue;
        std::string word = italic(option.names.front());
        const bool is_job = option.names.front() == "JOB";
        if (option.repeats) word = (is_job ? "" : "-- ") + word + " ...";
        line += option.required ? " " + word : " [" + word + "]";
    }
    return line;
}

std::string option_tag(const OptionInfo& option)
{
    std::string tag;
    for (const std::string& name : option.names) {
        if (!tag.empty()) tag += ", ";
        tag += option.positional ? italic(name) : bold(name);
    }
    if (!option.positional && !option.value.empty()) tag += " " + italic(option.value);
    return tag;
}

/// --url and its like are told once, for all commands.
bool is_common(const OptionInfo& option)
{
    return option.group == "Node" || option.names.front() == "--json";
}

/// The leaves; a group stands for its commands.
void append_commands(std::string& text, const CommandInfo& command, const std::string& path)
{
    if (!command.commands.empty()) {
        for (const CommandInfo& sub : command.commands) {
            append_commands(text, sub, path + ' ' + sub.name);
        }
        return;
    }
    text += fmt::format(".SS {}\n{}.\n", usage(path, command), roff_escaped(command.description));
    bool has_common = false;
    for (const OptionInfo& option : command.options) {
        has_common = has_common || option.group == "Node";
    }
    for (const OptionInfo& option : command.options) {
        if (has_common && is_common(option)) continue;
        text += tagged(option_tag(option), option.description + '.');
    }
    text += examples_of(command.examples);
}

const CommandInfo* find_with_common(const CommandInfo& command)
{
    for (const OptionInfo& option : command.options) {
        if (option.group == "Node") return &command;
    }
    for (const CommandInfo& sub : command.commands) {
        if (const CommandInfo* const found = find_with_common(sub)) return found;
    }
    return nullptr;
}

std::string common_options(const CommandInfo& root)
{
    const CommandInfo* const command = find_with_common(root);
    if (command == nullptr) return {};
    std::string text =
        ".SH COMMON OPTIONS\n"
        "For every command that calls a node:\n";
    for (const OptionInfo& option : command->options) {
        if (is_common(option)) text += tagged(option_tag(option), option.description + '.');
    }
    return text;
}

}  // namespace

std::string roff_escaped(std::string_view text)
{
    std::string escaped;
    bool begins_line = true;
    for (const char c : text) {
        if (begins_line && (c == '.' || c == '\'')) escaped += "\\&";
        begins_line = c == '\n';
        switch (c) {
            case '\\':
                escaped += "\\(rs";
                break;
            case '-':
                escaped += "\\-";
                break;
            case '\'':
                escaped += "\\(aq";
                break;
            case '`':
                escaped += "\\(ga";
                break;
            case '^':
                escaped += "\\(ha";
                break;
            case '~':
                escaped += "\\(ti";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

std::string man_page(const CommandInfo& root, std::string_view version)
{
    std::string page = fmt::format(".TH PEERCRON 1 \"\" \"peercron {}\" \"User Commands\"\n",
                                   roff_escaped(version));
    page +=
        ".SH NAME\npeercron \\- run scheduled commands, each fire exactly once, on one machine or "
        "on many\n";
    page +=
        ".SH SYNOPSIS\n.B peercron\n.I command\n.RI [ options ]\n.PP\n.B peercron\n"
        ".RI [ command ]\n.B \\-\\-help\n";
    page += ".SH DESCRIPTION\n";
    page += paragraph(
        "A peercron node runs jobs: shell commands with a schedule. Each due moment of a job, a "
        "fire, is written to a ledger before it runs, so that it runs once even if machines die, "
        "and the ledger says how it ended. `peercron serve` runs a node; the commands job, log, "
        "run, node and status call the HTTP API of a node.");
    page += paragraph(
        "A JOB is given by its id or its name. Times are shown in the local time zone (TZ). They "
        "can be given as 2027-01-01T00:00:00Z, as Unix seconds, as now, or as local date and time. "
        "Durations are 90 (seconds), 90s, 15m, 1h30m or 2d.");
    page += ".SH COMMANDS\n";
    append_commands(page, root, root.name);
    page += common_options(root);
    page += ".SH EXIT STATUS\nThese numbers never change; scripts may rely on them.\n";
    for (const ExitStatusText& status : exit_statuses()) {
        page += tagged(bold(std::to_string(static_cast<int>(status.status))), status.meaning);
    }
    page += ".SH ENVIRONMENT\n";
    page += tagged(bold("PEERCRON_URL"), "The node's HTTP address, if --url is not given.");
    page += tagged(bold("PEERCRON_TOKEN"),
                   "The API's token, if neither --token nor --token-file is given.");
    page += tagged(bold("PEERCRON_CA"),
                   "The authority that vouches for a node at an https address, if --ca is not "
                   "given.");
    page += tagged(bold("NO_COLOR"),
                   "If set, nothing is coloured. Colours are also off if the output is not a "
                   "terminal or TERM is dumb.");
    page += tagged(bold("COLUMNS"),
                   "The width of the terminal, instead of the width that the terminal reports.");
    page += tagged(bold("TZ"), "The time zone in which times are shown and read.");
    page += ".SH FILES\n";
    page +=
        tagged(italic("/usr/share/bash-completion/completions/peercron"),
               "Completion for bash. Without an installation: source <(peercron completion bash)");
    page +=
        tagged(italic("/usr/share/zsh/vendor-completions/_peercron"),
               "Completion for zsh. Without an installation: source <(peercron completion zsh), "
               "after compinit.");
    page += ".SH EXAMPLES\nA job that runs every five seconds, and what it does:\n";
    page += examples_of({"peercron job add --name hello --every 5s -- echo 'hello, world'",
                         "peercron log follow --job hello"});
    page += paragraph("A mail if something failed in the last hour:");
    page += examples_of(
        {"peercron log list --failed --since 1h --json |",
         "    jq -e '.total > 0' && peercron log list --failed --since 1h | mail admin"});
    page += paragraph("The same job at every deployment, changed only if it differs:");
    page += examples_of(
        {"peercron job add --name backup --replace --cron '30 2 * * *' --mutex -- backup.sh"});
    page += ".SH SEE ALSO\n.BR crontab (5),\n.BR systemd.timer (5)\n";
    return page;
}

}  // namespace peercron
