#include "cli/client_commands.hpp"

#include "cli/account_commands.hpp"
#include "cli/apply_command.hpp"
#include "cli/arguments.hpp"
#include "cli/audit_command.hpp"
#include "cli/calendar_commands.hpp"
#include "cli/channel_commands.hpp"
#include "cli/command_tree.hpp"
#include "cli/completion.hpp"
#include "cli/help_formatter.hpp"
#include "cli/import_command.hpp"
#include "cli/insight_commands.hpp"
#include "cli/job_commands.hpp"
#include "cli/lock_commands.hpp"
#include "cli/log_commands.hpp"
#include "cli/man_page.hpp"
#include "cli/next_command.hpp"
#include "cli/node_commands.hpp"
#include "cli/pause_commands.hpp"
#include "cli/service_command.hpp"

#include <memory>
#include <string>

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

/// What a command line that makes no sense is answered with.
std::string complaint(const CLI::App* app, const CLI::Error& error)
{
    return "peercron: " + explain(*app, error) + '\n';
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
    add_insight_commands(app, chosen);
    add_channel_commands(app, chosen);
    add_pause_commands(app, chosen);
    add_account_commands(app, chosen);
    add_lock_commands(app, chosen);
    add_calendar_commands(app, chosen);
    add_audit_command(app, chosen);
    add_import_command(app, chosen);
    add_apply_commands(app, chosen);
    add_service_commands(app, chosen);
    add_completion_command(app, chosen);
    add_man_command(app, chosen);
    app.footer(
        "Examples:\n"
        "  peercron serve --help\n"
        "  peercron job add --name hello --every 5s -- echo 'hello, world'\n"
        "  peercron log follow --job hello");
}

}  // namespace peercron
