#include "cli/apply_command.hpp"

#include "cli/answer_fields.hpp"
#include "cli/calendar_file.hpp"
#include "cli/channel_file.hpp"
#include "cli/input_file.hpp"
#include "cli/job_changes.hpp"
#include "cli/job_options.hpp"
#include "cli/text_width.hpp"
#include "schedule/calendars.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

struct ApplyOptions {
    ApiOptions api;
    std::string file;
    bool dry_run = false;
    bool prune = false;
};

std::vector<Job> jobs_of(const json::value& answer)
{
    std::vector<Job> jobs;
    for (const json::value& job : rows_of(answer)) jobs.push_back(job_of(job));
    return jobs;
}

struct ExportOptions : ApiOptions {
    JobFilters filters;
};

/// The calendars that somebody made, and that jobs name.
std::set<std::string> named_calendars(const std::vector<Job>& jobs)
{
    std::set<std::string> names;
    for (const Job& job : jobs) {
        for (const std::string& word : job.calendar) {
            const std::string_view name = CalendarTerm(word).name;
            if (!is_built_in_calendar(name)) names.emplace(name);
        }
    }
    return names;
}

std::vector<Calendar> read_calendars(ApiClient& client, const std::vector<std::string>& names)
{
    std::vector<Calendar> calendars;
    for (const std::string& name : names) {
        calendars.push_back(calendar_of(client.get("/calendar/show", {{"name", name}})));
    }
    return calendars;
}

/// All calendars, or only those that the jobs name, if these are not all jobs.
std::vector<Calendar> calendars_of_file(ApiClient& client, const std::vector<Job>& jobs,
                                        bool is_all)
{
    const std::set<std::string> named = named_calendars(jobs);
    if (!is_all && named.empty()) return {};
    json::value list;
    try {
        list = client.get("/calendar/list");
    } catch (const Failure& failure) {
        if (failure.status() == ExitStatus::not_found) return {};  // an older node has none
        if (failure.status() != ExitStatus::not_allowed) throw;
        if (!named.empty()) {
            say(one_line(fmt::format("these calendars are not in the file: {} ({})",
                                     fmt::join(named, ", "), failure.what())));
        }
        return {};
    }
    std::vector<std::string> names = made_calendars(list);
    if (!is_all) std::erase_if(names, [&](const auto& name) { return !named.contains(name); });
    return read_calendars(client, names);
}

ExitStatus export_jobs(const ExportOptions& options)
{
    ApiClient client = make_client(options);
    Query query;
    add_to(query, options.filters);
    // Without a filter all come in one answer.
    const json::value answer =
        query.empty() ? client.get("/cron/list") : json::value(all_jobs(client, query));
    if (options.json) {
        print_json(answer);
        return ExitStatus::done;
    }
    std::vector<Job> jobs = jobs_of(answer);
    const auto unnamed = std::stable_partition(jobs.begin(), jobs.end(),
                                               [](const Job& job) { return !job.name.empty(); });
    const std::vector<Job> named(jobs.begin(), unnamed);
    print(write_job_file(named, calendars_of_file(client, named, query.empty())));
    for (auto job = unnamed; job != jobs.end(); ++job) {
        say(
            fmt::format("job {0} has no name, so it is not in the file; give it one with `peercron "
                        "job update {0} --name NAME`",
                        job->id));
    }
    return ExitStatus::done;
}

JobFile read_file(const std::string& name)
{
    JobFile file = read_job_file(read_input(name), name == "-" ? "stdin" : name, read_input);
    if (!file.mistakes.empty()) {
        throw Failure(ExitStatus::usage,
                      fmt::format("nothing was changed, because the file has mistakes:\n"
                                  "{}",
                                  fmt::join(file.mistakes, "\n")));
    }
    return file;
}

/// The node's calendars that the file has, too.
std::vector<Calendar> calendars_of_node(ApiClient& client, const JobFile& file)
{
    try {
        const json::value list = client.get("/calendar/list");
        return read_calendars(client, known_calendars(file.calendars, list));
    } catch (const Failure& failure) {
        throw Failure(failure.status(),
                      fmt::format("nothing was changed: the calendars of the file cannot be "
                                  "compared with the node's: {}",
                                  failure.what()));
    }
}

/// What makes channels and calendars those of the file.
std::vector<FileCall> calls_before_jobs(ApiClient& client, const JobFile& file)
{
    std::vector<FileCall> calls;
    if (!file.channels.empty()) {
        calls = channel_calls(file.channels, client.get("/channel/list"));
    }
    if (!file.calendars.empty()) {
        std::ranges::move(calendar_calls(file.calendars, calendars_of_node(client, file)),
                          std::back_inserter(calls));
    }
    return calls;
}

void carry_out(ApiClient& client, const FileCall& call)
{
    try {
        client.post(call.target, call.parameters);
    } catch (const Failure& failure) {
        throw Failure(failure.status(), fmt::format("{} '{}': {}; no job was changed", call.what,
                                                    one_line(call.name), failure.what()));
    }
}

std::string_view sign(JobChange::Kind kind)
{
    switch (kind) {
        case JobChange::Kind::add:
            return "+";
        case JobChange::Kind::update:
            return "~";
        case JobChange::Kind::remove:
            return "-";
    }
    return "";
}

Colour colour(JobChange::Kind kind)
{
    switch (kind) {
        case JobChange::Kind::add:
            return Colour::green;
        case JobChange::Kind::update:
            return Colour::yellow;
        case JobChange::Kind::remove:
            return Colour::red;
    }
    return Colour::none;
}

/// A value in a line of its own, or in a line for each of its own.
std::string value_text(std::string_view mark, const std::string& value)
{
    std::string text;
    std::size_t begin = 0;
    do {
        const std::size_t end = std::min(value.find('\n', begin), value.size());
        text += fmt::format("      {}{}\n", mark, one_line(value.substr(begin, end - begin)));
        begin = end + 1;
    } while (begin < value.size());
    return text;
}

std::string field_text(JobChange::Kind kind, const FieldChange& field)
{
    std::string text = fmt::format("    {:<14}  ", field.name);
    const bool long_one = (field.before + field.after).find('\n') != std::string::npos;
    const auto shown = [](const std::string& value) {
        return value.empty() ? "''" : one_line(value);
    };
    if (kind == JobChange::Kind::update && long_one) {
        return fmt::format("    {}\n", field.name) + value_text("- ", field.before) +
               value_text("+ ", field.after);
    }
    if (kind == JobChange::Kind::update) {
        return text + fmt::format("{} → {}\n", shown(field.before), shown(field.after));
    }
    const std::string& value = kind == JobChange::Kind::add ? field.after : field.before;
    if (long_one) return fmt::format("    {}\n", field.name) + value_text("", value);
    return text + one_line(value) + '\n';
}

std::string change_text(const JobChange& change, const Screen& screen)
{
    std::string text = painted(screen, colour(change.kind),
                               fmt::format("{} {}", sign(change.kind), one_line(change.name)));
    text += '\n';
    for (const FieldChange& field : change.fields) text += field_text(change.kind, field);
    return text;
}

JobChange::Kind kind_of(const FileCall& call)
{
    return call.is_new ? JobChange::Kind::add : JobChange::Kind::update;
}

std::string call_text(const FileCall& call, const Screen& screen)
{
    const JobChange::Kind kind = kind_of(call);
    std::string text = painted(screen, colour(kind),
                               fmt::format("{} {} {}", sign(kind), call.what, one_line(call.name)));
    text += '\n';
    for (const FieldChange& field : call.fields) text += field_text(kind, field);
    return text;
}

std::string_view action(JobChange::Kind kind)
{
    switch (kind) {
        case JobChange::Kind::add:
            return "add";
        case JobChange::Kind::update:
            return "update";
        case JobChange::Kind::remove:
            return "delete";
    }
    return "";
}

json::object fields_json(const std::vector<FieldChange>& fields)
{
    json::object changed;
    for (const FieldChange& field : fields) {
        changed[field.name] = {{"before", field.before}, {"after", field.after}};
    }
    return changed;
}

/// @param what "channel" or "calendar".
json::array calls_json(const std::vector<FileCall>& calls, std::string_view what)
{
    json::array shown;
    for (const FileCall& call : calls) {
        if (call.what != what) continue;
        json::object made{{"name", call.name}, {"action", action(kind_of(call))}};
        if (!call.fields.empty()) made["fields"] = fields_json(call.fields);
        shown.push_back(std::move(made));
    }
    return shown;
}

json::object changes_json(const JobComparison& compared, const std::vector<FileCall>& calls,
                          bool applied)
{
    json::array changes;
    for (const JobChange& change : compared.changes) {
        changes.push_back(json::object{{"name", change.name},
                                       {"action", action(change.kind)},
                                       {"fields", fields_json(change.fields)}});
    }
    return {{"changes", std::move(changes)},
            {"unchanged", compared.unchanged},
            {"not_in_file", json::array(compared.others.begin(), compared.others.end())},
            {"channels", calls_json(calls, "channel")},
            {"calendars", calls_json(calls, "calendar")},
            {"applied", applied}};
}

void carry_out(ApiClient& client, const JobChange& change)
{
    switch (change.kind) {
        case JobChange::Kind::add:
            say_warnings(client.post("/cron/add", change.request));
            break;
        case JobChange::Kind::update:
            say_warnings(client.post("/cron/update", change.request));
            break;
        case JobChange::Kind::remove:
            client.post(fmt::format("/cron/delete/{}", change.id));
            break;
    }
}

/// A change that fails ends it: the file and the node are as they are, and the same command goes
/// on with what is left.
void carry_out(ApiClient& client, const std::vector<JobChange>& changes)
{
    for (std::size_t i = 0; i < changes.size(); ++i) {
        try {
            carry_out(client, changes[i]);
        } catch (const Failure& failure) {
            std::string why = failure.what();
            // The one parameter of the API that is not the key of the file.
            if (why.starts_with("cronSet:")) why.replace(0, 7, "cron_set");
            throw Failure(failure.status(),
                          fmt::format("job '{}': {}\n"
                                      "{} of {} changes were made; correct this and run the same "
                                      "command again for the others",
                                      one_line(changes[i].name), why, i, changes.size()));
        }
    }
}

std::string summary(const JobComparison& compared, const ApplyOptions& options)
{
    const auto count = [&](JobChange::Kind kind) {
        return std::ranges::count(compared.changes, kind, &JobChange::kind);
    };
    std::string text;
    if (!compared.others.empty()) {
        text += fmt::format("not in the file, and left unchanged (--prune deletes them): {}\n",
                            one_line(fmt::format("{}", fmt::join(compared.others, ", "))));
    }
    text += fmt::format("{}{} added, {} changed, {} deleted, {} unchanged\n",
                        options.dry_run ? "dry run, nothing was changed: " : "",
                        count(JobChange::Kind::add), count(JobChange::Kind::update),
                        count(JobChange::Kind::remove), compared.unchanged);
    return text;
}

/// What the node would refuse one by one, with the first changes made already.
void refuse_jobs_of_others(ApiClient& client, const JobFile& file)
{
    json::value me;
    try {
        me = client.get("/access/me");
    } catch (const Failure& failure) {
        if (failure.status() != ExitStatus::not_found) throw;
        return;  // an older node limits nobody
    }
    const AnswerFields caller(me);
    const std::vector<std::string> own = caller.texts("tags");
    if (own.empty()) return;
    std::vector<std::string> others;
    for (const FileJob& job : file.jobs) {
        const auto& tags = job.job.tags;
        const bool is_own = std::ranges::find_first_of(tags, own) != tags.end();
        if (!is_own) others.push_back(job.job.name);
    }
    if (others.empty()) return;
    throw Failure(
        ExitStatus::not_allowed,
        one_line(fmt::format("nothing was changed: {} is limited to jobs that have one of "
                             "the tags {}, and these jobs of the file have none of them: "
                             "{}",
                             caller.text("name"), fmt::join(own, ", "), fmt::join(others, ", "))));
}

ExitStatus apply_file(const ApplyOptions& options)
{
    const JobFile file = read_file(options.file);
    if (file.jobs.empty() && options.prune) {
        throw Failure(ExitStatus::usage,
                      "the file has no jobs, and --prune would delete all that have names; "
                      "`peercron job clear` deletes all jobs");
    }
    ApiClient client = make_client(options.api);
    refuse_jobs_of_others(client, file);
    const std::vector<FileCall> calls = calls_before_jobs(client, file);
    const std::vector<Job> node = jobs_of(client.get("/cron/list"));
    const JobComparison compared = compare_jobs(file.jobs, node, options.prune);
    if (!options.api.json) {
        const Screen screen = screen_of_stdout();
        for (const FileCall& call : calls) print(call_text(call, screen));
        for (const JobChange& change : compared.changes) print(change_text(change, screen));
    }
    if (!options.dry_run) {
        for (const FileCall& call : calls) carry_out(client, call);
        carry_out(client, compared.changes);
    }
    if (options.api.json) {
        print_json(changes_json(compared, calls, !options.dry_run));
    } else {
        print(summary(compared, options));
    }
    return ExitStatus::done;
}

void add_export_command(CLI::App& app, Action& chosen)
{
    CLI::App& command = *app.add_subcommand(
        "export", "Print the jobs that have names, and the calendars, as a file");
    command.footer(
        "Example:\n"
        "  peercron export > jobs.toml\n"
        "The file is for version control and for `peercron apply`. With a filter it has only the\n"
        "calendars that these jobs name.");
    auto options = std::make_shared<ExportOptions>();
    add_job_filters(command, options->filters);
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return export_jobs(*options); });
}

void add_apply_command(CLI::App& app, Action& chosen)
{
    CLI::App& command = *app.add_subcommand("apply", "Change the node's jobs to match a file");
    command.footer(
        "Examples:\n"
        "  peercron apply jobs.toml --dry-run\n"
        "  git show HEAD:jobs.toml | peercron apply - --prune\n"
        "\n"
        "A job of the file:\n"
        "[job.backup]\n"
        "cron_set = \"0 0 3 * * *\"       # or every = \"90s\", or at = 2027-01-01T00:00:00Z\n"
        "command = \"/usr/local/bin/backup\"\n"
        "timeout = \"1h\"\n"
        "\n"
        "\n" +
        wrapped(fmt::format("Keys: {}.", fmt::join(job_file_keys(), ", ")), 90) +
        "\n"
        "A missing key means its default; without stop, a stopped job stays stopped. Jobs are\n"
        "matched by name. Jobs that already match the file are not changed, and running commands\n"
        "go on.\n"
        "\n"
        "A channel of the file, with settings as of `peercron channel add`:\n"
        "[channel.ops]\n"
        "kind = \"webhook\"\n"
        "url = \"@/etc/peercron/ops-url\"   # what that file has\n"
        "every_job = true                 # or tags = [\"db\"]\n"
        "\n"
        "A calendar of the file, for jobs with calendar = [\"!freeze\"]:\n"
        "[calendar.freeze]\n"
        "dates = \"12-20..01-06\"           # or ical = \"@holidays.ics\", or both\n"
        "remark = \"end of the year\"\n"
        "\n"
        "Both come before the jobs: channels are written each time, calendars when they differ.\n"
        "Those that are not in the file are left unchanged, with --prune, too.");
    auto options = std::make_shared<ApplyOptions>();
    command.add_option("FILE", options->file, "The file; - is standard input")
        ->required()
        ->type_name("");
    command.add_flag("--dry-run", options->dry_run, "Only show what would change");
    command.add_flag("--prune", options->prune,
                     "Delete the jobs that have a name and are not in the file");
    add_api_options(command, options->api);
    on_parsed(command, chosen, [options] { return apply_file(*options); });
}

}  // namespace

void add_apply_commands(CLI::App& app, Action& chosen)
{
    add_export_command(app, chosen);
    add_apply_command(app, chosen);
}

}  // namespace peercron
