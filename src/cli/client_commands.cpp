#include "cli/client_commands.hpp"

#include "cli/apply_command.hpp"
#include "cli/audit_command.hpp"
#include "cli/command_tree.hpp"
#include "cli/completion.hpp"
#include "cli/help_formatter.hpp"
#include "cli/import_command.hpp"
#include "cli/job_commands.hpp"
#include "cli/log_commands.hpp"
#include "cli/man_page.hpp"
#include "cli/next_command.hpp"
#include "cli/node_commands.hpp"
#include "cli/text_width.hpp"

#include <memory>
#include <string>
#include <vector>

namespace peercron {
namespace {

void add_completion_command(CLI::App& app, Action& chosen)
{
    CLI::App& command = *app.add_subcommand("completion", "Print a completion script for a shell");
    command.footer(
        "Examples:\n"
        "  source <(peercron completion bash)\n"
        "  peercron completion zsh > ~/.zfunc/_peercron");
    auto shell = std::make_shared<std::string>();
    command.add_option("SHELL", *shell, "bash or zsh")
        ->required()
        ->type_name("")
        ->check(CLI::IsMember({"bash", "zsh"}).description(""));
    on_parsed(command, chosen, [&app, shell] {
        const CommandInfo tree = read_command_tree(app);
        print(*shell == "bash" ? bash_completion(tree) : zsh_completion(tree));
        return ExitStatus::done;
    });
}

void add_man_command(CLI::App& app, Action& chosen)
{
    CLI::App& command = *app.add_subcommand("man", "Print the manual page, in roff");
    command.footer("Example:\n  peercron man | man -l -");
    on_parsed(command, chosen, [&app] {
        const std::string version = app.version();
        constexpr std::string_view name = "peercron ";
        const bool named = version.starts_with(name);
        print(man_page(read_command_tree(app), named ? version.substr(name.size()) : version));
        return ExitStatus::done;
    });
}

/// The words of the innermost command that was understood: "peercron job".
std::string understood(const CLI::App& app, const CLI::App*& innermost)
{
    std::string words = app.get_name();
    innermost = &app;
    while (!innermost->get_subcommands().empty()) {
        innermost = innermost->get_subcommands().front();
        words += ' ' + innermost->get_name();
    }
    return words;
}

/// What a command line that makes no sense is answered with.
std::string complaint(const CLI::App* app, const CLI::Error& error)
{
    const CLI::App* innermost = nullptr;
    const std::string command = understood(*app, innermost);
    const std::vector<std::string> unknown = innermost->remaining();
    const bool is_group = !innermost->get_subcommands([](const CLI::App*) { return true; }).empty();
    std::string message = error.what();
    constexpr std::string_view not_converted = "Could not convert: ";
    if (message.starts_with(not_converted)) {
        message = message.substr(not_converted.size()) + ": a whole number is allowed";
    }
    if (is_group && !unknown.empty() && !unknown.front().starts_with('-')) {
        message = "there is no `" + command + ' ' + one_line(unknown.front()) + '`';
    } else if (is_group && unknown.empty()) {
        message = '`' + command + "` is not the whole of it";
    }
    const auto takes_words = [](const CLI::Option* option) {
        return option->get_positional() && option->get_expected_max() > 1;
    };
    if (!unknown.empty() && !innermost->get_options(takes_words).empty()) {
        message += " (the options of the job's own command go after --)";
    }
    return "peercron: " + message + "; `" + command + " --help` shows what there is\n";
}

}  // namespace

void add_client_commands(CLI::App& app, Action& chosen)
{
    app.failure_message(complaint);
    const auto formatter = std::make_shared<HelpFormatter>();
    app.formatter(formatter);  // those that are added from here on have it too
    const auto all = [](const CLI::App*) { return true; };
    for (CLI::App* there : app.get_subcommands(all)) there->formatter(formatter);
    add_next_command(app, chosen);
    add_job_commands(app, chosen);
    add_log_commands(app, chosen);
    add_node_commands(app, chosen);
    add_audit_command(app, chosen);
    add_import_command(app, chosen);
    add_apply_commands(app, chosen);
    add_completion_command(app, chosen);
    add_man_command(app, chosen);
    app.footer(
        "Examples:\n"
        "  peercron serve --help\n"
        "  peercron job add --name hello --every 5s -- echo 'hello, world'\n"
        "  peercron log follow --job hello");
}

}  // namespace peercron
