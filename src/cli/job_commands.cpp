#include "cli/job_commands.hpp"

#include "base/counted.hpp"
#include "cli/answer_fields.hpp"
#include "cli/backfill_commands.hpp"
#include "cli/history_command.hpp"
#include "cli/job_arguments.hpp"
#include "cli/job_names.hpp"
#include "cli/job_options.hpp"
#include "cli/moment_options.hpp"
#include "cli/moments.hpp"
#include "cli/pause_text.hpp"
#include "cli/run_follow.hpp"
#include "cli/run_wait.hpp"
#include "cli/text_width.hpp"
#include "cli/views.hpp"
#include "schedule/advice.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include <unistd.h>

namespace peercron {

namespace json = boost::json;

namespace {

struct AddOptions : ApiOptions {
    JobArguments job;
    bool replace = false;
    std::string reason;
};

struct JobOptions : ApiOptions {
    std::string job;
    std::vector<std::string> inputs;  ///< of a run by hand
    bool without_chain = false;       ///< likewise
    bool rehearsal = false;           ///< likewise
    bool wait = false;
    bool follow = false;
};

struct UpdateOptions : JobOptions {
    JobArguments changes;
    std::string reason;
};

/// Which jobs to change, and why.
struct ChangeOptions : ApiOptions {
    std::vector<std::string> jobs;
    std::string tag;
    bool all = false;
    std::string until;  ///< of `stop`
    std::string reason;
};

struct ListOptions : ApiOptions {
    std::string search;
    std::optional<int> page;
    std::optional<int> limit;
    JobFilters filters;
    bool quiet = false;
};

struct ClearOptions : ApiOptions {
    bool yes = false;
};

void add_job_argument(CLI::App& command, JobOptions& options)
{
    command.add_option("JOB", options.job, "Id or name of the job")->required()->type_name("");
}

void add_reason_option(CLI::App& command, std::string& reason)
{
    command.add_option("--reason", reason, "Why, for the history of the job")->type_name("TEXT");
}

void add_reason(json::object& fields, const std::string& reason)
{
    if (!reason.empty()) fields["reason"] = reason;
}

std::string next_run_text(const json::value& job)
{
    const AnswerFields fields(job);
    if (fields.flag("stop")) return ", stopped";
    if (fields.text("kind") == policy_name(JobKind::daemon)) return ", kept alive";
    if (!fields.list("run_after").empty()) return ", which runs after other jobs";
    const std::string next = time_text_in(fields.text("time_zone"), fields.millis("next_run_at"));
    if (const auto pause = fields.object("paused"); pause && next.empty()) {
        return ", paused " + pause_text(*pause);
    }
    return next.empty() ? ", but it will not run: its schedule, window or limit allow no fire"
                        : ", next run " + next;
}

json::object checked(Result<json::object> fields)
{
    if (!fields) throw Failure(ExitStatus::usage, fields.error().message);
    return std::move(*fields);
}

/// Says on standard error what is likely not meant by the job's schedule.
void note_doubts(const json::value& job)
{
    const AnswerFields fields(job);
    const std::string cron_set = fields.text("cron_set");
    const std::string zone = fields.text("time_zone");
    const auto schedule =
        Schedule::make(cron_set, zone.empty() ? "UTC" : zone, fields.number_or("id", 0));
    if (!schedule) return;
    for (const std::string& sentence : doubts(cron_set, *schedule, this_second())) {
        say("note: " + sentence);
    }
}

void report_change(const ApiOptions& options, const json::value& job, std::string_view done)
{
    if (options.json) {
        print_json(job);
    } else {
        const bool may_fire = done != "deleted" && done != "stopped";
        print(
            fmt::format("job {} {}{}\n", job_label(job), done, may_fire ? next_run_text(job) : ""));
    }
}

ExitStatus add_job(const AddOptions& options)
{
    json::object fields = checked(new_job_parameters(options.job, this_second()));
    if (options.replace) {
        const auto name = options.job.fields.find("name");
        if (name == options.job.fields.end() || name->second.empty()) {
            throw Failure(ExitStatus::usage,
                          "--replace needs --name with the name of the job to replace");
        }
        fields["replace"] = true;
    }
    add_reason(fields, options.reason);
    ApiClient client = make_client(options);
    const json::value job = client.post("/cron/add", fields);
    report_change(options, job, options.replace ? "stored" : "added");
    note_doubts(job);
    say_warnings(job);
    return ExitStatus::done;
}

ExitStatus update_job(const UpdateOptions& options)
{
    json::object fields = checked(job_parameters(options.changes, this_second()));
    if (fields.empty()) {
        throw Failure(ExitStatus::usage,
                      "nothing to change: give an option, such as --cron or --command");
    }
    ApiClient client = make_client(options);
    fields["id"] = job_id_of(client, options.job);
    add_reason(fields, options.reason);
    const json::value job = client.post("/cron/update", fields);
    report_change(options, job, "updated");
    if (fields.contains("cronSet") || fields.contains("every")) note_doubts(job);
    say_warnings(job);
    return ExitStatus::done;
}

/// What /cron/bulk did; the jobs that it could not change are said on standard error.
ExitStatus report_changes(const ApiOptions& options, const json::value& data, std::string_view done)
{
    const AnswerFields result(data);
    const json::array& failed = result.list("failed");
    if (options.json) {
        print_json(data);
    } else {
        const std::int64_t running = result.number_or("running", 0);
        const std::string also = running > 0 ? fmt::format("; {} now and {} on",
                                                           counted(running, "run runs", "runs run"),
                                                           running == 1 ? "goes" : "go")
                                             : "";
        print(fmt::format("{} {}{}\n", counted(result.number_or("done", 0), "job", "jobs"), done,
                          also));
    }
    for (const json::value& value : failed) {
        const AnswerFields job(value);
        const std::string name = job.text("name");
        say(fmt::format("job {}: {}", name.empty() ? job.number_text("id") : one_line(name),
                        one_line(job.text("message"))));
    }
    return failed.empty() ? ExitStatus::done : ExitStatus::failed;
}

ExitStatus change_jobs(const ChangeOptions& options, const std::string& call, std::string_view done)
{
    const int ways =
        (options.jobs.empty() ? 0 : 1) + (options.tag.empty() ? 0 : 1) + (options.all ? 1 : 0);
    if (ways != 1) {
        throw Failure(ExitStatus::usage, ways == 0
                                             ? "JOB: missing; give a job, several, or --tag"
                                             : "give jobs, --tag or --all, and only one of these");
    }
    ApiClient client = make_client(options);
    json::object fields;
    add_reason(fields, options.reason);
    if (!options.until.empty()) {
        if (options.jobs.empty()) {
            throw Failure(ExitStatus::usage,
                          "--until is for jobs by name; `peercron pause add` pauses all jobs, or "
                          "those with a tag");
        }
        fields["until"] = moment_option("--until", options.until).time_since_epoch().count();
        for (const std::string& job : options.jobs) {
            const std::string id = job_id_of(client, job);
            const json::value paused = client.post(fmt::format("/cron/{}/{}", call, id), fields);
            report_change(options, paused, "paused");
        }
        return ExitStatus::done;
    }
    if (options.jobs.size() == 1) {
        const std::string id = job_id_of(client, options.jobs.front());
        const json::value job = client.post(fmt::format("/cron/{}/{}", call, id), fields);
        report_change(options, job, done);
        say_warnings(job);
        return ExitStatus::done;
    }
    std::string ids;
    for (const std::string& job : options.jobs) {
        ids += (ids.empty() ? "" : ",") + job_id_of(client, job);
    }
    if (!ids.empty()) fields["ids"] = ids;
    if (!options.tag.empty()) fields["tag"] = options.tag;
    if (options.all) fields["all"] = true;
    const bool deletes = call == "delete";
    if (!deletes) fields["action"] = call;
    const json::value result = client.post(deletes ? "/cron/bulk/delete" : "/cron/bulk", fields);
    return report_changes(options, result, done);
}

ExitStatus show_job(const JobOptions& options)
{
    ApiClient client = make_client(options);
    const json::value job = client.get("/cron/" + job_id_of(client, options.job));
    if (options.json) {
        print_json(job);
    } else {
        json::array shown{job};
        note_last_results(client, shown);
        print(job_text(shown.front(), screen_of_stdout()));
    }
    return ExitStatus::done;
}

ExitStatus list_jobs(const ListOptions& options)
{
    Query query;
    if (!options.search.empty()) query.emplace_back("search", options.search);
    add_to(query, options.filters);
    if (options.page) query.emplace_back("page", std::to_string(*options.page));
    if (options.limit) query.emplace_back("limit", std::to_string(*options.limit));
    ApiClient client = make_client(options);
    const json::value data = client.get("/cron/list", query);
    const json::array& jobs = rows_of(data);
    if (options.json) {
        print_json(data);
    } else if (options.quiet) {
        for (const json::value& value : jobs) {
            const AnswerFields job(value);
            const std::string name = job.text("name");
            print((name.empty() ? job.number_text("id") : one_line(name)) + '\n');
        }
    } else if (jobs.empty()) {
        say(query.empty() ? "there are no jobs; `peercron job add --help` shows how to add one"
                          : "no jobs match");
    } else {
        json::array shown = jobs;
        note_last_results(client, shown);
        print(jobs_text(shown, screen_of_stdout()));
        const auto total = AnswerFields(data).number_or("total", 0);
        if (static_cast<std::size_t>(std::max<std::int64_t>(total, 0)) > jobs.size()) {
            say(fmt::format("{} of {} jobs; --page and --limit show others", jobs.size(), total));
        }
    }
    return ExitStatus::done;
}

bool has_succeeded(const json::value& run)
{
    return AnswerFields(run).text("state") == "success";
}

/// Waits for all parts of a fire, and shows how each ends.
/// @param first the row of its first part.
ExitStatus wait_for_fire(ApiClient& client, const JobOptions& options, const json::value& first)
{
    std::vector<json::value> parts = parts_of_fire(client, first);
    JobNames names(client);
    bool is_followed = options.follow;
    for (json::value& part : parts) {
        const std::string id = AnswerFields(part).number_text("id");
        part = is_followed ? follow_run(client, id) : wait_for_end(client, id);
        is_followed = false;
        if (options.json) continue;
        names.note(part);
        if (options.wait && !options.follow) {
            const std::string output = AnswerFields(part).text("output");
            print(screen_of_stdout().terminal ? many_lines(output) : output);
            std::cout.flush();
        }
        say(outcome_text(part));
    }
    const auto bad = std::ranges::find_if_not(parts, has_succeeded);
    const bool ended_badly = bad != parts.end();
    if (options.json) print_json(ended_badly ? *bad : parts.front());
    return ended_badly ? ExitStatus::unsuccessful : ExitStatus::done;
}

ExitStatus run_now(const JobOptions& options)
{
    if (options.follow && options.json) {
        throw Failure(ExitStatus::usage,
                      "--follow prints the output, and --json the row: they cannot be combined");
    }
    ApiClient client = make_client(options);
    json::object given;
    if (!options.inputs.empty()) {
        given["inputs"] = json::array(options.inputs.begin(), options.inputs.end());
    }
    if (options.without_chain) given["chain"] = false;
    if (options.rehearsal) given["rehearsal"] = true;
    json::value run = client.post("/cron/run/" + job_id_of(client, options.job), given);
    if (options.wait || options.follow) return wait_for_fire(client, options, run);
    if (options.json) {
        print_json(run);
        return ExitStatus::done;
    }
    JobNames(client).note(run);
    const AnswerFields fields(run);
    const std::string id = fields.number_text("id");
    print(fmt::format("run {} of job {} is {}; `peercron log show {}` shows how it ends\n", id,
                      one_line(run_job(run)), fields.text("state"), id));
    return ExitStatus::done;
}

ExitStatus count_jobs(const ApiOptions& options)
{
    ApiClient client = make_client(options);
    const json::value counts = client.get("/cron/count");
    if (options.json) {
        print_json(counts);
    } else {
        print(job_counts_text(counts));
    }
    return ExitStatus::done;
}

/// Asks the person at the terminal for the number of jobs.
bool is_confirmed(std::int64_t count, const std::string& url)
{
    if (::isatty(STDIN_FILENO) != 1) {
        throw Failure(ExitStatus::usage,
                      fmt::format("this would delete all {} jobs at {}, and there is no terminal "
                                  "to ask at: confirm with --yes",
                                  count, url));
    }
    std::cerr << fmt::format("This deletes all {} jobs at {}. Type {} to go on: ", count, url,
                             count)
              << std::flush;
    std::string typed;
    std::getline(std::cin, typed);
    return typed == std::to_string(count);
}

ExitStatus clear_jobs(const ClearOptions& options)
{
    ApiClient client = make_client(options);
    const std::int64_t count = AnswerFields(client.get("/cron/count")).number_or("total", 0);
    if (!options.yes && count > 0 && !is_confirmed(count, client.url())) {
        throw Failure(ExitStatus::failed, "not confirmed: nothing was deleted");
    }
    const json::value deleted = client.post("/cron/clear", {{"confirm", count}});
    if (options.json) {
        print_json(deleted);
    } else {
        const auto gone = AnswerFields(deleted).number_or("deleted", 0);
        print(fmt::format("{} deleted; their log rows stay\n", counted(gone, "job", "jobs")));
    }
    return ExitStatus::done;
}

void add_change_command(CLI::App& group, Action& chosen, const std::string& call,
                        const std::string& done, const std::string& description)
{
    CLI::App& command = *group.add_subcommand(call, description);
    const bool deletes = call == "delete";
    command.footer(
        fmt::format("Examples:\n  peercron job {0} backup\n"
                    "  peercron job {0} backup report --reason 'the disk is full'\n"
                    "  peercron job {0} --tag nightly",
                    call));
    auto options = std::make_shared<ChangeOptions>();
    command.add_option("JOB", options->jobs, "Ids or names of the jobs")->type_name("");
    command.add_option("--tag", options->tag, "All jobs with this tag")->type_name("TAG");
    if (!deletes) command.add_flag("--all", options->all, "All jobs");
    if (call == "stop") {
        command
            .add_option("--until", options->until,
                        "Only until this time: then they start again by themselves")
            ->type_name("TIME");
    }
    add_reason_option(command, options->reason);
    add_api_options(command, *options);
    on_parsed(command, chosen, [options, call, done] { return change_jobs(*options, call, done); });
}

void add_add_command(CLI::App& group, Action& chosen)
{
    CLI::App& command = *group.add_subcommand("add", "Add a job");
    command.footer(
        "Examples:\n"
        "  peercron job add --name backup --cron '30 2 * * *' --command 'backup.sh --all'\n"
        "  peercron job add --every 5s --limit 3 -- echo 'three times'\n"
        "  peercron job add --at 2027-01-01T00:00:00Z -- fireworks --colour gold\n"
        "  peercron job add --name backup --replace --cron '0 3 * * *' --mutex -- backup.sh\n"
        "  peercron job add --every 1m --overlap queue --misfire-policy run_latest -- sync.sh");
    auto options = std::make_shared<AddOptions>();
    add_job_options(command, options->job, JobIs::new_one);
    command
        .add_flag("--replace", options->replace,
                  "If a job has this name, replace it by this one and keep its id; a stopped job "
                  "stays stopped")
        ->group("What");
    add_reason_option(command, options->reason);
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return add_job(*options); });
}

void add_update_command(CLI::App& group, Action& chosen)
{
    CLI::App& command =
        *group.add_subcommand("update", "Change a job; options that are not given change nothing");
    command.footer(
        "Examples:\n"
        "  peercron job update backup --cron '0 4 * * *' --timeout 30m\n"
        "  peercron job update 12 --name nightly --no-mutex\n"
        "  peercron job update 12 -- backup.sh --all");
    auto options = std::make_shared<UpdateOptions>();
    add_job_argument(command, *options);
    add_job_options(command, options->changes, JobIs::there);
    add_reason_option(command, options->reason);
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return update_job(*options); });
}

void add_job_list_command(CLI::App& group, Action& chosen)
{
    CLI::App& command = *group.add_subcommand("list", "Show the jobs");
    command.footer(
        "Examples:\n"
        "  peercron job list\n"
        "  peercron job list --search backup --limit 20\n"
        "  peercron job list --json | jq '.[].command'");
    auto options = std::make_shared<ListOptions>();
    command
        .add_option("--search", options->search,
                    "Only jobs with this text in command, name or remark")
        ->type_name("TEXT");
    add_job_filters(command, options->filters);
    command.add_option("--page", options->page, "Which page, from 1")->type_name("N");
    command.add_option("--limit", options->limit, "How many per page, at most 1000")
        ->type_name("N");
    command.add_flag("-q,--quiet", options->quiet,
                     "Print only names, or the id of a job without a name");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return list_jobs(*options); });
}

void add_run_now_command(CLI::App& group, Action& chosen)
{
    CLI::App& command =
        *group.add_subcommand("run-now", "Run a job once, now, even if it is stopped");
    command.footer(
        "Examples:\n"
        "  peercron job run-now backup\n"
        "  peercron job run-now backup --wait && echo 'it worked'\n"
        "  peercron job run-now backup --follow\n"
        "  peercron job run-now backup --rehearsal --wait");
    auto options = std::make_shared<JobOptions>();
    add_job_argument(command, *options);
    command
        .add_option_function<std::string>(
            "--input", [options](const std::string& given) { options->inputs.push_back(given); },
            "A value for one of the job's inputs; give it again for more")
        ->type_name("NAME=VALUE")
        ->trigger_on_parse();
    command.add_flag("--no-chain", options->without_chain, "Without the jobs that run after it");
    command.add_flag("--rehearsal", options->rehearsal,
                     "With PEERCRON_REHEARSAL=1: it counts nowhere, nothing runs after it, and "
                     "nobody is told");
    command.add_flag("--wait", options->wait,
                     "Wait for its end and print its output; exit 10 if it was not a success. Of a "
                     "job with shards, all parts are waited for, and --json prints the first one "
                     "that was not a success");
    command.add_flag("--follow", options->follow,
                     "The same, and print the output while it is written; of a job with shards, "
                     "that of part 0 alone");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return run_now(*options); });
}

}  // namespace

void add_job_commands(CLI::App& app, Action& chosen)
{
    CLI::App& group = *app.add_subcommand("job", "Add, show, change and run jobs");
    group.footer("Example:\n  peercron job add --cron '*/5 * * * *' --command 'date'");
    group.require_subcommand(1);

    add_add_command(group, chosen);
    add_job_list_command(group, chosen);

    CLI::App& show = *group.add_subcommand("show", "Show a job and its next fires");
    show.footer("Example:\n  peercron job show backup");
    auto show_options = std::make_shared<JobOptions>();
    add_job_argument(show, *show_options);
    add_api_options(show, *show_options);
    on_parsed(show, chosen, [show_options] { return show_job(*show_options); });

    add_update_command(group, chosen);
    add_change_command(group, chosen, "stop", "stopped",
                       "Stop jobs: they no longer fire; running commands go on");
    add_change_command(group, chosen, "start", "started", "Let stopped jobs fire again");
    add_change_command(group, chosen, "delete", "deleted", "Delete jobs; their log rows stay");
    add_run_now_command(group, chosen);
    add_backfill_commands(group, chosen);
    add_history_command(group, chosen);

    CLI::App& count = *group.add_subcommand("count", "Print the number of jobs");
    count.footer("Example:\n  peercron job count --json");
    auto count_options = std::make_shared<ApiOptions>();
    add_api_options(count, *count_options);
    on_parsed(count, chosen, [count_options] { return count_jobs(*count_options); });

    CLI::App& clear = *group.add_subcommand("clear", "Delete all jobs, after asking");
    clear.footer("Examples:\n  peercron job clear\n  peercron job clear --yes");
    auto clear_options = std::make_shared<ClearOptions>();
    clear.add_flag("--yes", clear_options->yes, "Do not ask");
    add_api_options(clear, *clear_options);
    on_parsed(clear, chosen, [clear_options] { return clear_jobs(*clear_options); });
}

}  // namespace peercron
