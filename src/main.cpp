#include "backup_command.hpp"
#include "base/log.hpp"
#include "cli/arguments.hpp"
#include "cli/client_commands.hpp"
#include "config/config.hpp"
#include "copy_command.hpp"
#include "exec/descriptors.hpp"
#include "exec/warden.hpp"
#include "jobs_file.hpp"
#include "node/backend.hpp"
#include "node/node.hpp"

#include <spdlog/fmt/fmt.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

/// What the options of a command say about the configuration.
struct ConfigOptions {
    std::string file;
    std::optional<std::string> data;
    std::vector<std::string> settings;

    ConfigSources sources() const
    {
        ConfigSources sources;
        if (!file.empty()) sources.file = file;
        sources.environment = process_environment();
        sources.settings = settings;
        if (data) {
            // An empty one is refused as the key's value is.
            const auto folder =
                data->empty() ? std::filesystem::path() : std::filesystem::absolute(*data);
            sources.settings.push_back("data_dir=" + folder.string());
        }
        return sources;
    }
};

void add_sources(CLI::App& command, ConfigOptions& options)
{
    command
        .add_option_function<std::string>(
            "--data", [&options](const std::string& given) { options.data = given; },
            "The data folder (data_dir)")
        ->type_name("DIR");
    command
        .add_option("--set", options.settings,
                    "Set a key, such as log_level=debug; takes precedence over variables and file")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
}

/// What `serve` takes besides the configuration.
struct ServeOptions {
    std::string jobs;
    bool log_output = false;
};

int serve(const ConfigOptions& options, const ServeOptions& more, const std::string& program)
{
    const auto config = Config::load(options.sources());
    if (!config) return complain("cannot start:\n" + config.error().message, exit_usage);
    NodeSurroundings surroundings;
    surroundings.log_output = more.log_output;
    if (!more.jobs.empty()) {
        const auto file = std::make_shared<JobsFile>(std::filesystem::absolute(more.jobs));
        const std::vector<std::string> mistakes = file->mistakes();
        if (!mistakes.empty()) {
            return complain(fmt::format("cannot start: --jobs:\n{}", fmt::join(mistakes, "\n")),
                            exit_usage);
        }
        surroundings.apply_jobs = [file](OwnApi& api) { return file->apply(api); };
    }
    surroundings.sources = options.sources();
    if (program.find('/') != std::string::npos) surroundings.program = program;
    surroundings.version = PEERCRON_VERSION;
    keep_descriptors_from_commands();
    // At a limit of the size of files a write fails, as on a full disk, and so does a line of the
    // log when the program that reads it has ended; neither ends the node.
    std::signal(SIGXFSZ, SIG_IGN);
    std::signal(SIGPIPE, SIG_IGN);
    return run_warden(
        [&](Lifeline lifeline) { return run_node(*config, surroundings, std::move(lifeline)); },
        warden_settings(*config, surroundings.version));
}

int check_config(const ConfigOptions& options)
{
    const auto config = Config::load(options.sources());
    if (!config) return complain("bad configuration:\n" + config.error().message, exit_usage);
    const bool alone = config->mode == Config::Mode::solo;
    std::cout << (alone ? "# alone" : "# in a cluster") << ", because " << config->mode_reason
              << '\n'
              << describe(*config, Origins::shown);
    for (const std::string& warning : config->warnings) std::cerr << "warning: " << warning << '\n';
    return 0;
}

int migrate_database(const ConfigOptions& options)
{
    const auto config = Config::load(options.sources());
    if (!config) return complain("bad configuration:\n" + config.error().message, exit_usage);
    set_up_log({});  // a large table takes minutes, and the log says how far it is
    const std::vector<std::string> applied = make_backend(*config)->migrate({});
    for (const std::string& name : applied) std::cout << "applied " << name << '\n';
    if (applied.empty()) std::cout << "the database is up to date\n";
    return 0;
}

int back_up(const ConfigOptions& options, const std::string& file, bool force)
{
    const auto config = Config::load(options.sources());
    if (!config) return complain("bad configuration:\n" + config.error().message, exit_usage);
    return back_up_database(*config, file, force);
}

int restore_from(const ConfigOptions& options, const std::string& file)
{
    const auto config = Config::load(options.sources());
    if (!config) return complain("bad configuration:\n" + config.error().message, exit_usage);
    return restore_database(*config, file);
}

int run(int argc, char** argv)
{
    CLI::App app(
        "A cluster cron service: every fire exactly once, on time, with a row that says so.",
        "peercron");
    app.set_version_flag("--version", "peercron " PEERCRON_VERSION);
    app.require_subcommand(1);

    ConfigOptions config;
    auto* const serve_command = app.add_subcommand(
        "serve",
        "Run a node until SIGTERM; without a configuration, a single node that needs nothing else");
    serve_command
        ->add_option("--config", config.file,
                     "The configuration file; config/peercron.toml explains it")
        ->type_name("FILE");
    add_sources(*serve_command, config);
    ServeOptions serve_options;
    serve_command
        ->add_option("--jobs", serve_options.jobs,
                     "Make the jobs those of this file, now and at each SIGHUP: a job file of "
                     "`apply` (*.toml) with all jobs that have names, or a crontab")
        ->type_name("FILE");
    serve_command->add_flag("--log-output", serve_options.log_output,
                            "Copy the output of commands to standard output, as lines of JSON");
    serve_command->footer(
        "Examples:\n  peercron serve\n  peercron serve --data /srv/cron --set log_level=debug\n"
        "  peercron serve --config /etc/peercron/peercron.toml\n"
        "  peercron serve --jobs /etc/crontabs/app --log-output");

    auto* const check_command = app.add_subcommand(
        "check-config",
        "Check a configuration; print the effective values and their sources, secrets masked");
    check_command->add_option("FILE", config.file, "The configuration")->type_name("");
    add_sources(*check_command, config);
    check_command->footer("Example:\n  peercron check-config /etc/peercron/peercron.toml");

    auto* const migrate_command = app.add_subcommand(
        "migrate", "Update the database's tables to this version; nodes do so themselves");
    migrate_command
        ->add_option("--config", config.file, "The configuration that names the database")
        ->type_name("FILE");
    add_sources(*migrate_command, config);
    migrate_command->footer("Example:\n  peercron migrate --config /etc/peercron/peercron.toml");

    std::string backup_file;
    bool force = false;
    auto* const backup_command = app.add_subcommand(
        "backup", "Copy the database of a single node into a file, also while it runs");
    backup_command->add_option("FILE", backup_file, "The backup; only you can read it")
        ->required()
        ->type_name("");
    backup_command->add_flag("--force", force, "Replace the file if it exists");
    backup_command
        ->add_option("--config", config.file, "The configuration that names the data folder")
        ->type_name("FILE");
    add_sources(*backup_command, config);
    backup_command->footer(
        "Example:\n"
        "  peercron backup --data /var/lib/peercron /backup/peercron-$(date +%F).db\n"
        "The backup is a consistent copy of the database in one file. Back up the database of a\n"
        "cluster with the tools of MySQL or MariaDB.");

    auto* const restore_command = app.add_subcommand(
        "restore", "Replace the database of a single node by a backup; stop the node first");
    restore_command->add_option("FILE", backup_file, "The backup; it is not changed")
        ->required()
        ->type_name("");
    restore_command
        ->add_option("--config", config.file, "The configuration that names the data folder")
        ->type_name("FILE");
    add_sources(*restore_command, config);
    restore_command->footer(
        "Example:\n"
        "  peercron restore --data /var/lib/peercron /backup/peercron-2026-11-28.db\n"
        "The file is checked first; the old database is kept beside the new one. Fires that were\n"
        "due since the backup count as missed when the node starts: see misfire_policy.");

    Action chosen;
    add_client_commands(app, chosen);
    add_copy_command(app, chosen);

    try {
        std::vector<std::string> arguments(argv + 1, argv + argc);
        arguments = with_options_last(app, std::move(arguments));
        std::ranges::reverse(arguments);  // CLI11 takes them from the end
        app.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
        const int status = app.exit(error);
        return status == 0 ? 0 : exit_usage;
    }
    if (chosen) return chosen();
    if (serve_command->parsed()) return serve(config, serve_options, argv[0]);
    if (check_command->parsed()) return check_config(config);
    if (backup_command->parsed()) return back_up(config, backup_file, force);
    if (restore_command->parsed()) return restore_from(config, backup_file);
    return migrate_database(config);
}

}  // namespace
}  // namespace peercron

int main(int argc, char** argv)
{
    try {
        // Standard output is for results. A node sets up its own log later.
        peercron::LogSettings log;
        log.level = spdlog::level::warn;
        peercron::set_up_log(log);
        return peercron::run(argc, argv);
    } catch (const std::exception& error) {
        return peercron::complain(error.what(), peercron::exit_failed);
    }
}
