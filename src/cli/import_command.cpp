#include "cli/import_command.hpp"

#include "base/counted.hpp"
#include "cli/answer_fields.hpp"
#include "cli/crontab.hpp"
#include "cli/input_file.hpp"
#include "cli/table.hpp"
#include "cli/views.hpp"
#include "schedule/quote.hpp"
#include "schedule/time_zone.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

struct ImportOptions {
    ApiOptions api;
    std::string file;
    bool yes = false;
    std::string source;
    std::optional<bool> system;
    bool stopped = false;
};

std::string current_user()
{
    const passwd* const entry = getpwuid(geteuid());  // NOLINT(concurrency-mt-unsafe): one thread
    return entry == nullptr ? "" : entry->pw_name;
}

bool is_user(const std::string& name)
{
    return getpwnam(name.c_str()) != nullptr;  // NOLINT(concurrency-mt-unsafe): one thread
}

/// The IANA zone in which this machine's cron runs: TZ, else what /etc/localtime is a link to.
/// Empty when neither says.
std::string zone_of_machine()
{
    constexpr std::string_view folder = "/zoneinfo/";
    std::string zone;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    if (const char* const variable = std::getenv("TZ")) {
        zone = variable;
    } else {
        std::error_code error;
        const std::string link = std::filesystem::canonical("/etc/localtime", error).string();
        const auto begin = link.find(folder);
        if (begin != std::string::npos) zone = link.substr(begin + folder.size());
    }
    return find_zone(zone) ? zone : "";
}

CrontabForm form_of(const ImportOptions& options)
{
    const std::filesystem::path path = options.file == "-"
                                           ? std::filesystem::path("stdin")
                                           : std::filesystem::absolute(options.file);
    const bool is_in_etc = path == "/etc/crontab" || path.parent_path() == "/etc/cron.d";
    CrontabForm form;
    form.source = options.source.empty() ? path.filename().string() : options.source;
    if (form.source.find('/') != std::string::npos) {
        throw Failure(
            ExitStatus::usage,
            fmt::format("--source: {} contains a /, which ends the source in a job's name",
                        quote(form.source)));
    }
    form.has_user = options.system.value_or(is_in_etc);
    if (!options.system) form.is_user = is_user;
    form.current_user = current_user();
    form.time_zone = zone_of_machine();
    return form;
}

/// What a job of the plan is to the node.
enum class Standing : std::uint8_t { fresh, unchanged };

struct Import {
    CrontabPlan plan;
    std::vector<Standing> standings;  ///< of each job
    std::vector<std::string> gone;    ///< jobs of this crontab that it does not have any more
};

/// The node's jobs whose names begin like those of this crontab. A name says all about a job, so a
/// job of the same name is the same.
Import compare(ApiClient& client, CrontabPlan plan, const std::string& prefix)
{
    std::map<std::string, bool> there;  // name → is it in the crontab
    for (const json::value& job : all_jobs(client, {{"search", prefix}})) {
        const std::string name = AnswerFields(job).text("name");
        if (name.starts_with(prefix)) there[name] = false;
    }
    Import import;
    for (const CrontabJob& job : plan.jobs) {
        const auto known = there.find(job.name);
        import.standings.push_back(known == there.end() ? Standing::fresh : Standing::unchanged);
        if (known != there.end()) known->second = true;
    }
    for (const auto& [name, found] : there) {
        if (!found) import.gone.push_back(name);
    }
    import.plan = std::move(plan);
    return import;
}

json::object definition_of(const CrontabJob& job, bool stopped)
{
    json::object fields{{"name", job.name},
                        {"cronSet", job.cron_set},
                        {"command", job.command},
                        {"time_zone", job.time_zone},
                        {"remark", job.remark}};
    if (stopped) fields["stop"] = true;
    return fields;
}

std::int64_t count_fresh(const Import& import)
{
    return std::count(import.standings.begin(), import.standings.end(), Standing::fresh);
}

std::string plan_text(const Import& import)
{
    const Screen screen = screen_of_stdout();
    Table table({{"LINE", true}, {"", false}, {"SCHEDULE"}, {"ZONE"}, {"COMMAND", false, true}});
    for (std::size_t i = 0; i < import.plan.jobs.size(); ++i) {
        const CrontabJob& job = import.plan.jobs[i];
        const bool fresh = import.standings[i] == Standing::fresh;
        table.add({{std::to_string(job.line)},
                   {fresh ? "new" : "there", fresh ? Colour::green : Colour::dim},
                   {job.cron_set},
                   {job.time_zone},
                   {job.command}});
    }
    std::string text = table.empty() ? std::string("no jobs\n") : table.text(screen);
    for (const CrontabNote& note : import.plan.notes) {
        text += fmt::format("line {}: {}\n", note.line, note.text);
    }
    for (const std::string& name : import.gone) {
        text += fmt::format(
            "{} was imported earlier and is not in the file any more; `peercron job delete` "
            "removes it\n",
            name);
    }
    return text;
}

json::object plan_json(const Import& import, bool stopped, bool applied)
{
    json::array jobs;
    for (std::size_t i = 0; i < import.plan.jobs.size(); ++i) {
        json::object job = definition_of(import.plan.jobs[i], stopped);
        job["line"] = import.plan.jobs[i].line;
        job["new"] = import.standings[i] == Standing::fresh;
        jobs.push_back(std::move(job));
    }
    json::array notes;
    for (const CrontabNote& note : import.plan.notes) {
        notes.push_back(json::object{{"line", note.line}, {"text", note.text}});
    }
    json::array gone(import.gone.begin(), import.gone.end());
    return {{"jobs", std::move(jobs)},
            {"notes", std::move(notes)},
            {"gone", std::move(gone)},
            {"refused", import.plan.refused},
            {"applied", applied}};
}

/// Refuses to add what is likely not meant.
void check_before_adding(const ImportOptions& options, const Import& import)
{
    if (import.plan.looks_like_system) {
        throw Failure(
            ExitStatus::usage,
            "every command begins with a user of this machine, as in a system crontab: nothing was "
            "added; give --system, or --no-system if these words are programs");
    }
    // Crontabs that come through a pipe cannot be told from each other.
    const std::int64_t fresh = count_fresh(import);
    const bool known = !import.gone.empty() || fresh < std::ssize(import.plan.jobs);
    if (options.file == "-" && options.source.empty() && known &&
        (fresh > 0 || !import.gone.empty())) {
        throw Failure(
            ExitStatus::usage,
            "a crontab was imported from standard input before: nothing was added; give --source "
            "stdin if this is the same one, else --source with a name for it, such as its user");
    }
}

std::string import_outcome_text(const Import& import, bool applied)
{
    std::string text;
    if (!import.plan.jobs.empty()) {
        text =
            "commands run in the node's folder with the node's environment; cron uses the user's "
            "home and PATH=/usr/bin:/bin\n";
    }
    const std::int64_t fresh = count_fresh(import);
    const std::int64_t there = std::ssize(import.plan.jobs) - fresh;
    if (applied) {
        text += fmt::format("\n{} added, {} there already", counted(fresh, "job", "jobs"),
                            counted(there, "was", "were"));
    } else if (fresh > 0) {
        text += fmt::format("\nnothing is changed yet; --yes adds {}",
                            counted(fresh, "new job", "new jobs"));
    } else {
        text += "\nnothing to do";
    }
    if (import.plan.refused > 0) text += fmt::format("; {} not imported", import.plan.refused);
    return text + '\n';
}

ExitStatus import_crontab(const ImportOptions& options)
{
    const CrontabForm form = form_of(options);
    CrontabPlan plan = read_crontab(read_input(options.file), form);
    ApiClient client = make_client(options.api);
    const Import import = compare(client, std::move(plan), "crontab/" + form.source + "/");
    if (!options.api.json) print(plan_text(import));
    if (options.yes) {
        check_before_adding(options, import);
        for (std::size_t i = 0; i < import.plan.jobs.size(); ++i) {
            if (import.standings[i] != Standing::fresh) continue;
            client.post("/cron/add", definition_of(import.plan.jobs[i], options.stopped));
        }
    }
    if (options.api.json) {
        print_json(plan_json(import, options.stopped, options.yes));
    } else {
        print(import_outcome_text(import, options.yes));
    }
    // Somebody who takes the crontab away now would lose what is not here.
    return options.yes && import.plan.refused > 0 ? ExitStatus::failed : ExitStatus::done;
}

}  // namespace

void add_import_command(CLI::App& app, Action& chosen)
{
    CLI::App& group = *app.add_subcommand("import", "Import the jobs of another cron");
    group.require_subcommand(1);
    group.footer("Example:\n  peercron import crontab /etc/crontab");
    CLI::App& command =
        *group.add_subcommand("crontab", "Show the jobs of a crontab; with --yes, add them");
    command.footer(
        "Examples:\n"
        "  crontab -l | peercron import crontab -\n"
        "  sudo crontab -u ann -l | peercron import crontab - --source ann --yes\n"
        "  peercron import crontab /etc/cron.d/backup --yes --stopped\n"
        "With --yes the exit status is 1 if a line could not be imported; all other lines are.\n"
        "The crontab itself is not changed: remove its lines when the jobs are here. Importing\n"
        "it again adds only new jobs.");
    auto options = std::make_shared<ImportOptions>();
    command.add_option("FILE", options->file, "The crontab; - is standard input")
        ->required()
        ->type_name("");
    command.add_flag("--yes", options->yes, "Add the jobs instead of only showing them");
    command.add_flag_function(
        "--system,!--no-system", [options](std::int64_t count) { options->system = count > 0; },
        "The sixth field is a user, as in /etc/crontab and /etc/cron.d");
    command
        .add_option("--source", options->source,
                    "The beginning of the jobs' names; default: the file's name, or stdin")
        ->type_name("NAME");
    command.add_flag("--stopped", options->stopped, "Add the jobs stopped");
    add_api_options(command, options->api);
    on_parsed(command, chosen, [options] { return import_crontab(*options); });
}

}  // namespace peercron
