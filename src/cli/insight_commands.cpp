#include "cli/insight_commands.hpp"

#include "base/counted.hpp"
#include "base/units.hpp"
#include "cli/answer_fields.hpp"
#include "cli/moment_options.hpp"
#include "cli/moments.hpp"
#include "cli/table.hpp"
#include "cli/text_width.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

namespace peercron {

namespace json = boost::json;

namespace {

struct WhyOptions : ApiOptions {
    std::string job;
    std::string at;
};

struct StatsOptions : ApiOptions {
    std::string job;
};

struct AgendaOptions : ApiOptions {
    std::string from = "now";
    std::string length = "1h";
    std::string tag;
    int limit = 50;
};

std::string unix_text(std::chrono::sys_seconds time)
{
    return std::to_string(time.time_since_epoch().count());
}

std::string millis_text(const AnswerFields& fields, std::string_view name)
{
    const auto number = fields.number(name);
    return number ? elapsed_text(std::chrono::milliseconds(*number)) : "";
}

std::string why_text(const json::value& data, const Screen& screen)
{
    const AnswerFields why(data);
    std::string text = one_line(why.text("answer")) + '\n';
    Details details;
    for (const json::value& value : why.list("facts")) {
        const AnswerFields fact(value);
        details.push_back({fact.text("about"), {fact.text("text")}});
    }
    const std::string zone = why.text("zone");
    details.push_back({"fire before", {time_text_in(zone, why.millis("previous_fire_at"))}});
    details.push_back({"next fire", {time_text_in(zone, why.millis("next_fire_at"))}});
    return text + '\n' + details_text(details, screen);
}

ExitStatus show_why(const WhyOptions& options)
{
    Query query;
    if (!options.at.empty()) {
        query.emplace_back("at", unix_text(past_option("AT", options.at)));
    }
    ApiClient client = make_client(options);
    const std::string id = past_job_id_of(client, options.job, Deleted::too);
    const json::value why = client.get(fmt::format("/cron/{}/why", id), query);
    if (options.json) {
        print_json(why);
    } else {
        print(why_text(why, screen_of_stdout()));
    }
    return ExitStatus::done;
}

/// A character for each of the newest runs, oldest first.
std::string strip_text(const json::array& ticks)
{
    std::string strip;
    for (const json::value& value : ticks) {
        const std::string state = AnswerFields(value).text("state");
        strip += state == "success"                     ? '.'
                 : state == "skipped"                   ? '-'
                 : state == "killed"                    ? 'k'
                 : state == "missed" || state == "lost" ? 'o'
                                                        : 'X';
    }
    return strip;
}

std::string bytes_text(const AnswerFields& fields, std::string_view name)
{
    const auto bytes = fields.number(name);
    if (!bytes) return "";
    constexpr std::int64_t kib = 1024;
    if (*bytes < 10 * kib) return fmt::format("{} B", *bytes);
    if (*bytes < 10 * kib * kib) return fmt::format("{} KiB", *bytes / kib);
    return fmt::format("{} MiB", *bytes / kib / kib);
}

/// "99.98 % of 86400 fires within 50ms (30 days)".
std::string goal_text(const AnswerFields& stats)
{
    const auto goal = stats.number("late_goal");
    if (!goal) return "";
    const std::string within = format_duration(std::chrono::milliseconds(*goal));
    const auto percent = stats.real("goal_percent");
    if (!percent) return fmt::format("within {}; no fire yet", within);
    return fmt::format("{} % of {} fires within {} (30 days)", *percent,
                       stats.number_or("goal_fires", 0), within);
}

/// What is unusual from these on.
std::string limits_text(const AnswerFields& stats)
{
    std::string text;
    const auto add = [&text](std::string_view word, const std::string& limit) {
        if (limit.empty()) return;
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", word, limit);
    };
    add("longer than", millis_text(stats, "slow_after"));
    add("shorter than", millis_text(stats, "fast_before"));
    add("more output than", bytes_text(stats, "most_output"));
    add("more memory than", bytes_text(stats, "most_memory"));
    if (stats.flag("writes")) add("no output", "at all");
    return text;
}

std::string stats_text(const json::value& data, const Screen& screen)
{
    const AnswerFields stats(data);
    const auto percent = stats.number("success_percent");
    const std::string rate = percent ? fmt::format(" ({} %)", *percent) : "";
    const std::int64_t failures = stats.number_or("failures_in_row", 0);
    const std::string state = stats.text("last_state");
    Details details;
    details.push_back({"runs", {stats.number_text("runs")}});
    details.push_back({"successes", {stats.number_text("successes") + rate}});
    details.push_back({"last", {state, colour_of_state(state)}});
    details.push_back({"last success", {local_time_text(stats.millis("last_success_at"))}});
    if (failures > 0) {
        details.push_back({"failing",
                           {fmt::format("{} in a row, since {}", counted(failures, "time"),
                                        local_time_text(stats.millis("failing_since")))}});
    }
    details.push_back({"usual time", {millis_text(stats, "usual_time")}});
    details.push_back({"95 % within", {millis_text(stats, "usual_p95")}});
    details.push_back({"usually late", {millis_text(stats, "late_p50")}});
    details.push_back({"99 % within", {millis_text(stats, "late_p99")}});
    details.push_back({"goal", {goal_text(stats)}});
    details.push_back({"usual output", {bytes_text(stats, "usual_output")}});
    details.push_back({"usual memory", {bytes_text(stats, "usual_memory")}});
    details.push_back({"unusual is", {limits_text(stats)}});
    details.push_back({"last was", {stats.joined_texts("unusual")}});
    const std::string strip = strip_text(stats.list("last_runs"));
    const bool by_minute = stats.text("last_runs_by") == "minute";
    details.push_back({by_minute ? "last minutes" : "last runs", {strip}});
    return details_text(details, screen);
}

ExitStatus show_stats(const StatsOptions& options)
{
    ApiClient client = make_client(options);
    const std::string id = job_id_of(client, options.job);
    const json::value stats = client.get(fmt::format("/cron/{}/stats", id));
    if (options.json) {
        print_json(stats);
    } else {
        print(stats_text(stats, screen_of_stdout()));
    }
    return ExitStatus::done;
}

std::string agenda_text(const json::array& fires, const Screen& screen)
{
    Table table(
        {{"WHEN"}, {"JOB", false, true}, {"USUALLY", true}, {"SKIPPED", false, true}, {"ONLY"}});
    for (const json::value& value : fires) {
        const AnswerFields fire(value);
        const std::string name = fire.text("name");
        table.add({{local_time_text(fire.millis("at"))},
                   {name.empty() ? fire.number_text("cron_id") : name},
                   {millis_text(fire, "usual_time")},
                   {fire.text("excluded")},
                   {fire.text("condition")}});
    }
    return table.text(screen);
}

ExitStatus show_agenda(const AgendaOptions& options)
{
    const auto from = moment_option("--from", options.from);
    const auto length = read_duration(options.length);
    if (!length) throw Failure(ExitStatus::usage, "--for: " + length.error().message);
    Query query{{"from", unix_text(from)},
                {"to", unix_text(from + *length)},
                {"limit", std::to_string(options.limit)}};
    if (!options.tag.empty()) query.emplace_back("tag", options.tag);
    ApiClient client = make_client(options);
    const json::value data = client.get("/forecast/fires", query);
    const json::array& fires = rows_of(data);
    if (options.json) {
        print_json(data);
        return ExitStatus::done;
    }
    if (fires.empty()) {
        say("no fires in that time");
        return ExitStatus::done;
    }
    print(agenda_text(fires, screen_of_stdout()));
    const auto total = AnswerFields(data).number_or("total", 0);
    if (total > std::ssize(fires)) {
        say(fmt::format("{} of {} fires; --limit shows more", fires.size(), total));
    }
    return ExitStatus::done;
}

void add_why_command(CLI::App& app, Action& chosen)
{
    CLI::App& command =
        *app.add_subcommand("why", "Say why a job ran, or did not run, at a moment");
    command.footer(
        "Examples:\n"
        "  peercron why backup\n"
        "  peercron why backup 'yesterday 02:00'\n"
        "  peercron why 12 2026-11-21T02:00:00Z --json\n"
        "Without AT it is about whatever was due last. A moment is as of `peercron log list "
        "--from`.");
    auto options = std::make_shared<WhyOptions>();
    command.add_option("JOB", options->job, "Id or name of the job")->required()->type_name("");
    command.add_option("AT", options->at, "The moment")->type_name("");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return show_why(*options); });
}

void add_stats_command(CLI::App& app, Action& chosen)
{
    CLI::App& command = *app.add_subcommand(
        "stats", "Show how a job usually runs: durations, lateness, success rate");
    command.footer(
        "Example:\n"
        "  peercron stats backup\n"
        "Of the last runs, oldest first: . success, X failed, timeout or fenced, o missed or "
        "lost,\n"
        "k killed, - skipped as the job wants it.");
    auto options = std::make_shared<StatsOptions>();
    command.add_option("JOB", options->job, "Id or name of the job")->required()->type_name("");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return show_stats(*options); });
}

void add_agenda_command(CLI::App& app, Action& chosen)
{
    CLI::App& command = *app.add_subcommand("agenda", "Show which jobs fire next, by time");
    command.footer(
        "SKIPPED says why a fire will not run: a pause, or the calendars of its job. ONLY says on\n"
        "which condition it runs, where that is not known before.\n\n"
        "Examples:\n"
        "  peercron agenda\n"
        "  peercron agenda --from 'tomorrow 02:00' --for 3h --tag nightly --limit 200");
    auto options = std::make_shared<AgendaOptions>();
    command.add_option("--from", options->from, "From this moment on; now if not given")
        ->type_name("TIME");
    command.add_option("--for", options->length, "For this long; 1h if not given")
        ->type_name("DURATION");
    command.add_option("--tag", options->tag, "Only jobs with this tag")->type_name("TAG");
    command.add_option("--limit", options->limit, "How many, at most 1000; 50 if not given")
        ->type_name("N");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return show_agenda(*options); });
}

}  // namespace

void add_insight_commands(CLI::App& app, Action& chosen)
{
    add_why_command(app, chosen);
    add_stats_command(app, chosen);
    add_agenda_command(app, chosen);
}

}  // namespace peercron
