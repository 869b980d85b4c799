#include "cli/service_command.hpp"

#include "base/overloaded.hpp"
#include "cli/run_program.hpp"
#include "cli/service_plan.hpp"
#include "cli/shell_quote.hpp"

#include <spdlog/fmt/fmt.h>

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

namespace peercron {
namespace {

namespace fs = std::filesystem;

/// The first part of the path that users other than its owner may not use.
std::string closed_part(const fs::path& program)
{
    fs::path part;
    for (const fs::path& name : program) {
        part /= name;
        const fs::perms needed = part == program ? fs::perms::others_exec | fs::perms::others_read
                                                 : fs::perms::others_exec;
        if ((fs::status(part).permissions() & needed) != needed) return part.string();
    }
    return {};
}

ServiceFacts facts_of_this_machine()
{
    const fs::path program = fs::read_symlink("/proc/self/exe");
    ServiceFacts facts;
    facts.has_systemd = fs::is_directory("/run/systemd/system");
    facts.is_root = ::geteuid() == 0;
    facts.is_packaged = fs::exists("/lib/systemd/system/peercron.service") ||
                        fs::exists("/usr/lib/systemd/system/peercron.service");
    facts.is_installed = fs::exists("/etc/systemd/system/peercron.service");
    facts.program = program.string();
    facts.unreachable = closed_part(program);
    return facts;
}

void write_file(const WriteFile& file)
{
    std::ofstream stream(file.path);
    stream << file.text;
    stream.close();
    if (!stream) {
        throw Failure(ExitStatus::failed,
                      fmt::format("cannot write {}: {}", file.path,
                                  std::generic_category().message(errno == 0 ? EIO : errno)));
    }
}

void run_step(const RunProgram& program)
{
    const ProgramEnd end = run_program(program.words);
    print(end.output);
    if (end.status == 0) return;
    throw Failure(
        ExitStatus::failed,
        fmt::format("`{}` ended with status {}; `journalctl -u peercron -n 50` may say why",
                    shell_join(program.words), end.status));
}

void carry_out_step(const ServiceStep& step)
{
    std::visit(Overloaded{
                   [](const WriteFile& file) { write_file(file); },
                   [](const RemoveFile& file) { fs::remove(file.path); },
                   [](const RunProgram& program) { run_step(program); },
               },
               step.action);
}

/// What a command of `service` is to do, and whether it only shows that.
struct Order {
    std::string command;
    bool is_dry_run = false;
};

/// Shows or does the steps; true: they were done.
bool show_or_do(const std::vector<ServiceStep>& steps, const ServiceFacts& facts,
                const Order& order)
{
    if (order.is_dry_run) {
        print(plan_text(steps));
        return false;
    }
    check_possible(facts, order.command);
    for (const ServiceStep& step : steps) carry_out_step(step);
    return true;
}

ServiceState current_state()
{
    return read_service_state(
        run_program({"systemctl", "show", "peercron.service",
                     "--property=LoadState,ActiveState,StateChangeTimestamp,UnitFileState,MainPID,"
                     "FragmentPath"})
            .output);
}

ExitStatus install_service(const Order& order)
{
    const ServiceFacts facts = facts_of_this_machine();
    if (!show_or_do(plan_install(facts), facts, order)) return ExitStatus::done;
    print(state_text(current_state()) +
          "its data is in /var/lib/peercron, its configuration is /etc/peercron/peercron.toml if "
          "that "
          "exists\n"
          "`peercron status` asks the node how it is, `journalctl -u peercron` shows its log\n");
    return ExitStatus::done;
}

ExitStatus remove_service(const Order& order)
{
    const ServiceFacts facts = facts_of_this_machine();
    if (!show_or_do(plan_remove(facts), facts, order)) return ExitStatus::done;
    print(
        "peercron is no service any more\n"
        "left are the program, the user peercron, jobs and ledger in /var/lib/peercron, and what "
        "there is in /etc/peercron\n");
    return ExitStatus::done;
}

ExitStatus control_service(const Order& order)
{
    if (show_or_do(plan_control(order.command), facts_of_this_machine(), order)) {
        print(state_text(current_state()));
    }
    return ExitStatus::done;
}

ExitStatus show_service_status()
{
    if (!facts_of_this_machine().has_systemd) {
        throw Failure(ExitStatus::unavailable,
                      "systemd does not run this machine (there is no /run/systemd/system); "
                      "`peercron status` asks a node how it is");
    }
    const ServiceState state = current_state();
    if (state.load == "not-found") {
        throw Failure(ExitStatus::not_found,
                      "peercron is no service of this machine; `peercron service install` makes it "
                      "one");
    }
    print(state_text(state));
    return state.active == "active" ? ExitStatus::done : ExitStatus::unavailable;
}

/// A command that changes something, and can also only show what.
CLI::App& add_changing(CLI::App& group, Action& chosen, const std::string& name,
                       const std::string& description, ExitStatus (*body)(const Order&))
{
    CLI::App& command = *group.add_subcommand(name, description);
    auto order = std::make_shared<Order>(Order{name});
    command.add_flag("--dry-run", order->is_dry_run,
                     "Only show the files and the commands; needs neither root nor systemd");
    on_parsed(command, chosen, [order, body] { return body(*order); });
    return command;
}

}  // namespace

void add_service_commands(CLI::App& app, Action& chosen)
{
    CLI::App& group = *app.add_subcommand("service", "Run a node as a service of systemd");
    group.require_subcommand(1);
    group.footer("Examples:\n  peercron service status\n  peercron service install --dry-run");

    add_changing(group, chosen, "install",
                 "Make this program a service that starts now and at each boot", install_service)
        .footer(
            "Examples:\n"
            "  peercron service install --dry-run\n"
            "  sudo peercron service install\n"
            "The service runs this very file, as the user peercron, which is made if need be.\n"
            "Without /etc/peercron/peercron.toml it is a single node. Installing again changes "
            "the\n"
            "unit to that of this version, and restarts the node. The Debian package does all of\n"
            "this itself.");
    add_changing(group, chosen, "remove", "Stop the service and remove it; keeps all data",
                 remove_service)
        .footer(
            "Examples:\n"
            "  peercron service remove --dry-run\n"
            "  sudo peercron service remove");
    for (const auto& [verb, description] :
         {std::pair("start", "Start the node"),
          std::pair("stop", "Stop the node; running commands have time to end"),
          std::pair("restart", "Stop the node as `stop` does, and start it again")}) {
        add_changing(group, chosen, verb, description, control_service)
            .footer(fmt::format(
                "Examples:\n  peercron service {0} --dry-run\n  sudo peercron service {0}", verb));
    }
    CLI::App& status = *group.add_subcommand("status", "Say whether the service runs");
    status.footer(
        "Example:\n"
        "  peercron service status\n"
        "The exit status is 0 if it runs, 6 if it does not, and 3 if there is no such service.");
    on_parsed(status, chosen, [] { return show_service_status(); });
}

}  // namespace peercron
