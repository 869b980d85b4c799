#include "cli/service_plan.hpp"

#include "base/overloaded.hpp"
#include "cli/exit_status.hpp"
#include "cli/service_unit.hpp"
#include "cli/shell_quote.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>

namespace peercron {
namespace {

constexpr std::string_view service = "peercron.service";
constexpr std::string_view unit_path = "/etc/systemd/system/peercron.service";

/// What a line of a unit takes for a path without quotes and specifiers (systemd.syntax(7)).
bool is_plain_path(std::string_view path)
{
    return std::ranges::all_of(path, [](char c) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool is_digit = c >= '0' && c <= '9';
        return is_letter || is_digit || std::string_view("/._+-").find(c) != std::string_view::npos;
    });
}

ServiceStep systemctl(std::string purpose, std::vector<std::string> words)
{
    words.insert(words.begin(), "systemctl");
    return {std::move(purpose), RunProgram{std::move(words)}};
}

std::string indented(std::string_view text)
{
    std::string result;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        result += line.empty() ? "\n" : fmt::format("    {}\n", line);
    }
    return result;
}

}  // namespace

std::vector<ServiceStep> plan_install(const ServiceFacts& facts)
{
    if (facts.is_packaged) {
        throw Failure(ExitStatus::conflict,
                      "the Debian package has installed the service already; `peercron service "
                      "status` shows it");
    }
    if (!is_plain_path(facts.program)) {
        throw Failure(
            ExitStatus::usage,
            fmt::format("{} has characters that a unit of systemd cannot name simply: put "
                        "the program to /usr/local/bin/peercron, and install that",
                        facts.program));
    }
    if (!facts.unreachable.empty()) {
        throw Failure(ExitStatus::usage,
                      fmt::format("the service runs as the user peercron, who cannot run {}, since "
                                  "{} is closed to other users: put the program to "
                                  "/usr/local/bin/peercron, and install that",
                                  facts.program, facts.unreachable));
    }
    return {
        {"make the user that the node and its commands run as",
         RunProgram{
             {"systemd-sysusers", "--inline", "u peercron - \"peercron\" /var/lib/peercron"}}},
        {"describe the service to systemd",
         WriteFile{std::string(unit_path), service_unit(facts.program)}},
        systemctl("let systemd read that", {"daemon-reload"}),
        systemctl("start it at each boot", {"enable", std::string(service)}),
        systemctl("start it now, or again if it runs", {"restart", std::string(service)}),
    };
}

std::vector<ServiceStep> plan_remove(const ServiceFacts& facts)
{
    if (facts.is_packaged && !facts.is_installed) {
        throw Failure(ExitStatus::conflict,
                      "the service belongs to the Debian package: `apt remove peercron` removes "
                      "both");
    }
    return {
        systemctl("stop it: commands have [exec] drain_timeout to end; and start it at no boot",
                  {"disable", "--now", std::string(service)}),
        {"remove its description", RemoveFile{std::string(unit_path)}},
        systemctl("let systemd forget it", {"daemon-reload"}),
    };
}

std::vector<ServiceStep> plan_control(const std::string& verb)
{
    const std::string purpose =
        verb == "start" ? "start the node"
                        : fmt::format("{} the node: commands have [exec] drain_timeout to end",
                                      verb == "stop" ? "stop" : "stop and start");
    return {systemctl(purpose, {verb, std::string(service)})};
}

void check_possible(const ServiceFacts& facts, const std::string& command)
{
    if (!facts.has_systemd) {
        throw Failure(
            ExitStatus::unavailable,
            "systemd does not run this machine (there is no /run/systemd/system), and this "
            "command knows no other service manager: let yours run `peercron serve`, as a "
            "user of its own; SIGTERM stops it, SIGHUP reloads its configuration");
    }
    if (!facts.is_root) {
        throw Failure(ExitStatus::not_allowed,
                      fmt::format("only root can do this: sudo peercron service {}", command));
    }
    if (command != "install" && !facts.is_packaged && !facts.is_installed) {
        throw Failure(ExitStatus::not_found,
                      "peercron is no service of this machine; `peercron service install` makes it "
                      "one");
    }
}

std::string plan_text(const std::vector<ServiceStep>& steps)
{
    std::string text;
    for (const ServiceStep& step : steps) {
        const auto what = std::visit(
            Overloaded{
                [](const WriteFile& file) {
                    return fmt::format("write {}\n{}", file.path, indented(file.text));
                },
                [](const RemoveFile& file) { return fmt::format("delete {}\n", file.path); },
                [](const RunProgram& program) {
                    return fmt::format("run {}\n", shell_join(program.words));
                },
            },
            step.action);
        text += fmt::format("# {}\n{}", step.purpose, what);
    }
    return text;
}

ServiceState read_service_state(const std::string& shown)
{
    std::map<std::string, std::string> values;
    std::istringstream lines(shown);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t equals = line.find('=');
        if (equals != std::string::npos) values[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return {values["LoadState"],     values["ActiveState"], values["StateChangeTimestamp"],
            values["UnitFileState"], values["MainPID"],     values["FragmentPath"]};
}

std::string state_text(const ServiceState& state)
{
    const std::string since = state.since.empty() ? "" : " since " + state.since;
    std::string text;
    if (state.active == "active") {
        text = fmt::format("peercron runs{}, as process {}", since, state.process);
    } else if (state.active == "failed") {
        text = fmt::format("peercron has failed{}; `journalctl -u peercron -n 50` says why", since);
    } else if (state.active == "inactive") {
        text = fmt::format("peercron is stopped{}", since);
    } else {
        text = fmt::format("peercron is {}{}", state.active, since);
    }
    text += state.enabled == "enabled" ? "\nit starts at each boot\n"
                                       : "\nit does not start at boot; `systemctl enable peercron` "
                                         "changes that\n";
    return text + fmt::format("its unit is {}\n", state.unit_file);
}

}  // namespace peercron
