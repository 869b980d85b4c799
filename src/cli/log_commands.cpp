#include "cli/log_commands.hpp"

#include "cli/answer_fields.hpp"
#include "cli/failed_runs.hpp"
#include "cli/job_names.hpp"
#include "cli/log_follow.hpp"
#include "cli/moment_options.hpp"
#include "cli/run_follow.hpp"
#include "cli/run_wait.hpp"
#include "cli/text_width.hpp"
#include "cli/views.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

namespace peercron {

namespace json = boost::json;

namespace {

constexpr int usual_limit = 50;
constexpr int most_rows = 1000;

struct LogOptions : ApiOptions {
    std::optional<std::string> job;
    std::string state;
    std::string search;
    std::string node;
    std::string since;
    std::string until;
    int page = 1;
    int limit = usual_limit;
    bool failed = false;
    bool full = false;
    bool missed = false;
    std::string unusual;
    bool deleted = false;
};

struct RunOptions : ApiOptions {
    std::string run;
    bool wait = false;
};

/// Knows whether it was given, even as "".
void add_job_option(CLI::App& command, std::optional<std::string>& job)
{
    command
        .add_option_function<std::string>(
            "--job", [&job](const std::string& given) { job = given; },
            "Only runs of this job, by id or name")
        ->type_name("JOB");
}

json::value find_runs(ApiClient& client, const LogOptions& options)
{
    Query query;
    add_past_span(query, {"--since", options.since}, {"--until", options.until});
    if (options.job) {
        const Deleted deleted = options.deleted ? Deleted::only : Deleted::too;
        query.emplace_back("cron_id", past_job_id_of(client, *options.job, deleted));
    }
    if (!options.search.empty()) query.emplace_back("search", options.search);
    if (!options.node.empty()) query.emplace_back("run_server", options.node);
    if (options.full) query.emplace_back("full", "1");
    if (options.failed) {
        const int limit = std::clamp(options.limit, 1, most_rows);
        return newest_failed_or_missed(client, query, static_cast<std::size_t>(limit));
    }
    if (options.missed) query.emplace_back("missed", "1");
    if (!options.unusual.empty()) query.emplace_back("unusual", options.unusual);
    if (!options.state.empty()) query.emplace_back("state", options.state);
    query.emplace_back("page", std::to_string(options.page));
    query.emplace_back("limit", std::to_string(options.limit));
    return client.get("/log/list", query);
}

/// When there is too much to find, the node names the parameters that ask for less; a person needs
/// the options.
json::value find_runs_or_say_how(ApiClient& client, const LogOptions& options)
{
    constexpr unsigned took_too_long = 504;
    try {
        return find_runs(client, options);
    } catch (const Refused& refused) {
        if (refused.http_status() != took_too_long) throw;
        throw Failure(
            refused.status(),
            fmt::format("{}; the options for that are --since, --until and --job", refused.what()));
    }
}

ExitStatus list_log(const LogOptions& options)
{
    if (options.deleted && !options.job) {
        throw Failure(ExitStatus::usage, "--deleted needs --job with the name that the job had");
    }
    const bool is_narrowed =
        !options.state.empty() || options.missed || !options.unusual.empty() || options.page != 1;
    if (options.failed && is_narrowed) {
        throw Failure(ExitStatus::usage,
                      "--failed cannot be combined with --state, --missed, --unusual or --page");
    }
    ApiClient client = make_client(options);
    const json::value data = find_runs_or_say_how(client, options);
    const json::array& rows = rows_of(data);
    if (options.json) {
        print_json(data);
        return ExitStatus::done;
    }
    if (rows.empty()) {
        say("no runs match");
        return ExitStatus::done;
    }
    json::array shown = rows;
    JobNames(client).note(shown);
    print(runs_text(shown, screen_of_stdout()));
    const std::int64_t total = AnswerFields(data).number_or("total", 0);
    if (total > static_cast<std::int64_t>(rows.size())) {
        say(fmt::format("the newest {} of {} runs; --limit and {} show more", rows.size(), total,
                        options.failed ? "--since" : "--page"));
    }
    return ExitStatus::done;
}

/// What a run that goes on has written so far, where the ledger has nothing yet.
void add_live_output(ApiClient& client, const std::string& id, json::value& run)
{
    try {
        run.as_object()["output"] = client.get_text("/run/" + id + "/output");
    } catch (const Failure& failure) {
        say(failure.what());
    }
}

ExitStatus show_run(const RunOptions& options)
{
    ApiClient client = make_client(options);
    const std::string id = run_id_of(options.run);
    json::value run = client.get("/log/" + id);
    if (AnswerFields(run).text("state") == "running") add_live_output(client, id, run);
    if (options.json) {
        print_json(run);
    } else {
        JobNames(client).note(run);
        print(run_text(run, screen_of_stdout()));
    }
    return ExitStatus::done;
}

ExitStatus follow_output(const RunOptions& options)
{
    ApiClient client = make_client(options);
    json::value run = follow_run(client, run_id_of(options.run));
    JobNames(client).note(run);
    say(outcome_text(run));
    const bool failed = AnswerFields(run).text("state") != "success";
    return failed ? ExitStatus::unsuccessful : ExitStatus::done;
}

ExitStatus kill_run(const RunOptions& options)
{
    ApiClient client = make_client(options);
    const std::string id = run_id_of(options.run);
    json::value run = client.post("/run/kill/" + id);
    if (options.wait) run = wait_for_end(client, id);
    if (!options.json) JobNames(client).note(run);
    if (options.json) {
        print_json(run);
    } else if (options.wait) {
        print(outcome_text(run) + '\n');
    } else {
        print(fmt::format(
            "run {} of job {} is being killed; `peercron log show {}` shows how it ends\n", id,
            one_line(run_job(run)), id));
    }
    const bool ended_otherwise = options.wait && AnswerFields(run).text("state") != "killed";
    return ended_otherwise ? ExitStatus::unsuccessful : ExitStatus::done;
}

/// @param call "retry" or "again".
ExitStatus run_next_attempt(const RunOptions& options, std::string_view call)
{
    ApiClient client = make_client(options);
    json::value run = client.post(fmt::format("/run/{}/{}", call, run_id_of(options.run)));
    const std::string id = AnswerFields(run).number_text("id");
    if (options.wait) run = wait_for_end(client, id);
    if (!options.json) JobNames(client).note(run);
    if (options.json) {
        print_json(run);
    } else if (options.wait) {
        print(outcome_text(run) + '\n');
    } else {
        print(
            fmt::format("attempt {} of job {} starts now, as run {}; `peercron log show {}` shows "
                        "how it ends\n",
                        AnswerFields(run).number_text("attempt"), one_line(run_job(run)), id, id));
    }
    const bool failed = options.wait && AnswerFields(run).text("state") != "success";
    return failed ? ExitStatus::unsuccessful : ExitStatus::done;
}

ExitStatus give_up_run(const RunOptions& options)
{
    ApiClient client = make_client(options);
    json::value run = client.post("/run/give-up/" + run_id_of(options.run));
    if (options.json) {
        print_json(run);
        return ExitStatus::done;
    }
    JobNames(client).note(run);
    print(fmt::format("attempt {} of job {} (run {}) does not start\n",
                      AnswerFields(run).number_text("attempt"), one_line(run_job(run)),
                      AnswerFields(run).number_text("id")));
    return ExitStatus::done;
}

void add_run_argument(CLI::App& command, RunOptions& options)
{
    command.add_option("RUN", options.run, "Id of the run, as `peercron log list` shows it")
        ->required()
        ->type_name("");
}

void add_log_list_command(CLI::App& group, Action& chosen)
{
    CLI::App& command = *group.add_subcommand("list", "Show runs, the newest first");
    command.footer(
        "Examples:\n"
        "  peercron log list --job backup --limit 10\n"
        "  peercron log list --failed --since 24h\n"
        "  peercron log list --unusual slow --since 7d\n"
        "  peercron log list --state skipped --since '2026-11-21 08:00'");
    auto options = std::make_shared<LogOptions>();
    add_job_option(command, options->job);
    command.add_flag("--deleted", options->deleted, "With --job: a deleted job that had this name");
    command
        .add_option("--state", options->state,
                    "Only runs in this state: planned, running, success, failed, timeout, killed, "
                    "lost, fenced, skipped or revoked")
        ->type_name("STATE");
    command.add_flag("--failed", options->failed,
                     "Only runs that ended badly: failed, timeout, killed, lost, fenced or missed");
    command.add_flag("--missed", options->missed,
                     "Only fires that did not run for a reason that nobody asked for");
    command
        .add_option("--unusual", options->unusual,
                    "Only runs that were not as the job's runs usually are: slow, fast, silent, "
                    "more-output, more-memory, or any of these")
        ->type_name("WHAT");
    command.add_option("--search", options->search, "Only runs with this text in the output")
        ->type_name("TEXT");
    command.add_option("--node", options->node, "Only runs of this node, by its name")
        ->type_name("NODE");
    command
        .add_option("--since", options->since,
                    "Scheduled from this time on: 15m (ago), yesterday, 13:00, or a date and time")
        ->type_name("TIME");
    command.add_option("--until", options->until, "Scheduled before this time")->type_name("TIME");
    command.add_option("--page", options->page, "Which page, from 1")->type_name("N");
    command.add_option("--limit", options->limit, "How many, at most 1000; default: 50")
        ->type_name("N");
    command.add_flag("--full", options->full,
                     "With --json: whole outputs instead of the first 4 KiB of each");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return list_log(*options); });
}

void add_follow_command(CLI::App& group, Action& chosen)
{
    CLI::App& command =
        *group.add_subcommand("follow", "Print each run when it ends, until Ctrl-C");
    command.footer(
        "Examples:\n"
        "  peercron log follow\n"
        "  peercron log follow --job backup --since 1h\n"
        "  peercron log follow --failed --json");
    auto options = std::make_shared<FollowOptions>();
    add_job_option(command, options->job);
    command.add_flag("--failed", options->failed,
                     "Only runs that ended badly: failed, timeout, killed, lost, fenced or missed");
    command
        .add_option("--since", options->since,
                    "First print ended runs that were scheduled from this time on: 15m (ago), "
                    "yesterday, 13:00, or a date and time")
        ->type_name("TIME");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options]() -> ExitStatus { follow_log(*options); });
}

}  // namespace

void add_log_commands(CLI::App& app, Action& chosen)
{
    CLI::App& log = *app.add_subcommand("log", "Show runs and how they ended");
    log.footer("Example:\n  peercron log list --failed --since 24h");
    log.require_subcommand(1);
    add_log_list_command(log, chosen);

    CLI::App& show = *log.add_subcommand("show", "Show a run and its output");
    show.footer("Example:\n  peercron log show 6620493");
    auto show_options = std::make_shared<RunOptions>();
    add_run_argument(show, *show_options);
    add_api_options(show, *show_options);
    on_parsed(show, chosen, [show_options] { return show_run(*show_options); });

    add_follow_command(log, chosen);

    CLI::App& run = *app.add_subcommand("run", "Act on a run");
    run.footer("Example:\n  peercron run kill 6620493");
    run.require_subcommand(1);
    CLI::App& follow = *run.add_subcommand(
        "follow", "Print a run's output as it is written; exit 10 if it did not succeed");
    follow.footer("Example:\n  peercron run follow 6620493");
    auto follow_options = std::make_shared<RunOptions>();
    add_run_argument(follow, *follow_options);
    add_node_options(follow, *follow_options);
    on_parsed(follow, chosen, [follow_options] { return follow_output(*follow_options); });

    CLI::App& kill = *run.add_subcommand(
        "kill", "End a run: SIGTERM to all its processes, after a grace time SIGKILL");
    kill.footer("Examples:\n  peercron run kill 6620493\n  peercron run kill 6620493 --wait");
    auto kill_options = std::make_shared<RunOptions>();
    add_run_argument(kill, *kill_options);
    kill.add_flag("--wait", kill_options->wait,
                  "Wait for its end; exit 10 if it ended in another way first");
    add_api_options(kill, *kill_options);
    on_parsed(kill, chosen, [kill_options] { return kill_run(*kill_options); });

    CLI::App& retry = *run.add_subcommand(
        "retry", "Try a fire again now: its waiting attempt, or the one after what failed");
    retry.footer("Examples:\n  peercron run retry 6620493\n  peercron run retry 6620493 --wait");
    auto retry_options = std::make_shared<RunOptions>();
    add_run_argument(retry, *retry_options);
    retry.add_flag("--wait", retry_options->wait,
                   "Wait for its end; exit 10 if it did not succeed");
    add_api_options(retry, *retry_options);
    on_parsed(retry, chosen, [retry_options] { return run_next_attempt(*retry_options, "retry"); });

    CLI::App& again = *run.add_subcommand(
        "again", "Run a fire again now, also one that succeeded, as its next attempt");
    again.footer("Examples:\n  peercron run again 6620493\n  peercron run again 6620493 --wait");
    auto again_options = std::make_shared<RunOptions>();
    add_run_argument(again, *again_options);
    again.add_flag("--wait", again_options->wait,
                   "Wait for its end; exit 10 if it did not succeed");
    add_api_options(again, *again_options);
    on_parsed(again, chosen, [again_options] { return run_next_attempt(*again_options, "again"); });

    CLI::App& give_up = *run.add_subcommand(
        "give-up", "Do not try a fire again: its waiting attempt does not start");
    give_up.footer("Example:\n  peercron run give-up 6620493");
    auto give_up_options = std::make_shared<RunOptions>();
    add_run_argument(give_up, *give_up_options);
    add_api_options(give_up, *give_up_options);
    on_parsed(give_up, chosen, [give_up_options] { return give_up_run(*give_up_options); });
}

}  // namespace peercron
