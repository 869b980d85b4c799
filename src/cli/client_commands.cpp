#include "cli/client_commands.hpp"

#include "cli/command_tree.hpp"
#include "cli/completion.hpp"
#include "cli/help_formatter.hpp"
#include "cli/job_commands.hpp"
#include "cli/log_commands.hpp"
#include "cli/man_page.hpp"
#include "cli/node_commands.hpp"

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

}  // namespace

void add_client_commands(CLI::App& app, Action& chosen)
{
    app.formatter(
        std::make_shared<HelpFormatter>());  // those that are added from here on have it too
    add_job_commands(app, chosen);
    add_log_commands(app, chosen);
    add_node_commands(app, chosen);
    add_completion_command(app, chosen);
    add_man_command(app, chosen);
}

}  // namespace peercron
