#include "base/log.hpp"
#include "cli/client_commands.hpp"
#include "config/config.hpp"
#include "exec/warden.hpp"
#include "node/node.hpp"
#include "schedule/preview.hpp"
#include "schedule/rfc3339.hpp"
#include "store/mysql/migrate.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

namespace peercron {
namespace {

// Exit statuses, for scripts: 0 done, 1 it failed, 2 what was asked for makes no sense.
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

int complain(const std::string& message, int status)
{
    std::cerr << "peercron: " << message << '\n';
    return status;
}

int serve(const std::string& file)
{
    const auto config = Config::load(file);
    if (!config) return complain("cannot start:\n" + config.error().message, exit_usage);
    NodeSurroundings surroundings;
    surroundings.config_file = file;
    surroundings.version = PEERCRON_VERSION;
    return run_warden(
        [&](Lifeline lifeline) { return run_node(*config, surroundings, std::move(lifeline)); });
}

int check_config(const std::string& file)
{
    const auto config = Config::load(file);
    if (!config) return complain("bad configuration:\n" + config.error().message, exit_usage);
    if (const auto problem = find_problem(*config)) return complain(*problem, exit_usage);
    std::cout << describe(*config);
    for (const std::string& warning : config->warnings) std::cerr << "warning: " << warning << '\n';
    return 0;
}

int migrate_database(const std::string& file)
{
    const auto config = Config::load(file);
    if (!config) return complain("bad configuration:\n" + config.error().message, exit_usage);
    const std::vector<std::string> applied = migrate(mysql_settings(*config));
    for (const std::string& name : applied) std::cout << "applied " << name << '\n';
    if (applied.empty()) std::cout << "the database is up to date\n";
    return 0;
}

struct NextOptions {
    PreviewRequest request;
    std::string from;
    bool json = false;
};

int next(NextOptions options)
{
    if (options.from.empty()) {
        const auto now = std::chrono::system_clock::now();
        options.request.from = std::chrono::floor<std::chrono::seconds>(now);
    } else {
        const auto from = parse_rfc3339(options.from);
        if (!from) return complain("--from: " + from.error().message, exit_usage);
        options.request.from = *from;
    }
    const auto text = options.json ? preview_json(options.request) : preview_text(options.request);
    if (!text) return complain(text.error().message, exit_usage);
    std::cout << *text;
    return 0;
}

int run(int argc, char** argv)
{
    CLI::App app(
        "A cluster cron service: every fire exactly once, on time, with a row that says so.",
        "peercron");
    app.set_version_flag("--version", "peercron " PEERCRON_VERSION);
    app.require_subcommand(1);

    std::string file;
    auto* const serve_command = app.add_subcommand("serve", "Run a node until SIGTERM");
    serve_command
        ->add_option("--config", file, "The configuration, config/peercron.toml explains it")
        ->required()
        ->type_name("FILE");

    auto* const check_command = app.add_subcommand(
        "check-config", "Check a configuration and print what it comes to, secrets masked");
    check_command->add_option("FILE", file, "The configuration")->required()->type_name("");

    auto* const migrate_command = app.add_subcommand(
        "migrate", "Bring the database's tables to this version; nodes do so by themselves");
    migrate_command->add_option("--config", file, "The configuration that names the database")
        ->required()
        ->type_name("FILE");

    NextOptions options;
    auto* const next_command =
        app.add_subcommand("next", "Explain a cron expression and print its next fires");
    next_command->add_option("EXPR", options.request.expression, "The expression, quoted")
        ->required()
        ->type_name("");
    next_command->add_option("-n", options.request.count, "How many fires")
        ->capture_default_str()
        ->type_name("COUNT");
    next_command->add_option("--tz", options.request.zone, "IANA time zone")
        ->capture_default_str()
        ->type_name("ZONE");
    next_command
        ->add_option("--from", options.from, "Fires later than this (RFC 3339); default: now")
        ->type_name("TIME");
    next_command->add_option("--job-id", options.request.job_id, "The job that H is spread by")
        ->capture_default_str()
        ->type_name("ID");
    next_command->add_flag("--json", options.json, "One JSON object");

    Action client_action;
    add_client_commands(app, client_action);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int status = app.exit(error);
        return status == 0 ? 0 : exit_usage;
    }
    if (client_action) return client_action();
    if (serve_command->parsed()) return serve(file);
    if (check_command->parsed()) return check_config(file);
    if (migrate_command->parsed()) return migrate_database(file);
    return next(std::move(options));
}

}  // namespace
}  // namespace peercron

int main(int argc, char** argv)
{
    try {
        return peercron::run(argc, argv);
    } catch (const std::exception& error) {
        return peercron::complain(error.what(), peercron::exit_failed);
    }
}
