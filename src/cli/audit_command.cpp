#include "cli/audit_command.hpp"

#include "base/counted.hpp"
#include "cli/answer_fields.hpp"
#include "cli/job_names.hpp"
#include "cli/moment_options.hpp"
#include "cli/moments.hpp"
#include "cli/table.hpp"
#include "cli/views.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

namespace json = boost::json;

namespace {

struct AuditOptions : ApiOptions {
    std::optional<std::string> job;
    std::string from;
    std::string to;
    std::string late;
};

struct Kind {
    std::string_view name;  ///< as in the answer
    std::string_view text;
};
constexpr std::array<Kind, 7> kinds{{{"missing", "missing"},
                                     {"extra", "extra"},
                                     {"doubled", "doubled"},
                                     {"late", "late"},
                                     {"never_ended", "never ended"},
                                     {"missed", "missed"},
                                     {"clock_ahead", "clock ahead"}}};

std::string kind_text(std::string_view name)
{
    for (const Kind& kind : kinds) {
        if (kind.name == name) return std::string(kind.text);
    }
    return std::string(name);
}

std::string findings_text(const json::array& findings, const Screen& screen)
{
    Table table(
        {{"FINDING"}, {"JOB", false, true}, {"SCHEDULED"}, {"STATE"}, {"WHAT", false, true}});
    for (const json::value& value : findings) {
        const AnswerFields finding(value);
        std::string scheduled = local_time_text(finding.millis("scheduled_at"));
        if (finding.number_or("fires", 1) > 1) {
            scheduled += " … " + local_time_text(finding.millis("until"));
        }
        table.add({{kind_text(finding.text("kind")), Colour::red},
                   {run_job(value)},
                   {std::move(scheduled)},
                   {finding.text("state"), colour_of_state(finding.text("state"))},
                   {finding.text("what")}});
    }
    return table.empty() ? "" : table.text(screen);
}

/// "12 success, 3 skipped (mutex)".
std::string outcomes_text(const json::array& outcomes)
{
    std::string text;
    for (const json::value& value : outcomes) {
        const AnswerFields outcome(value);
        const std::string reason = outcome.text("reason");
        text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", outcome.number_or("fires", 0),
                            outcome.text("state"), reason.empty() ? "" : " (" + reason + ")");
    }
    return text;
}

std::string found_text(const AnswerFields& totals)
{
    std::string text;
    for (const Kind& kind : kinds) {
        const std::int64_t count = totals.number_or(kind.name, 0);
        if (count == 0) continue;
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind.text);
    }
    return text.empty() ? "nothing is wrong with what was planned" : text;
}

std::string totals_text(const AnswerFields& totals, const Screen& screen)
{
    const std::string due =
        fmt::format("{} due from {} to {}", counted(totals.number_or("due", 0), "fire", "fires"),
                    local_time_text(totals.millis("from")), local_time_text(totals.millis("to")));
    const std::string what =
        totals.flag("clean")
            ? fmt::format("{}: {}, all in the ledger ({}, {})\n",
                          painted(screen, Colour::green, "clean"), due,
                          counted(totals.number_or("jobs", 0), "job", "jobs"),
                          counted(totals.number_or("rows", 0), "row", "rows"))
            : fmt::format("{}: {}; {}\n", painted(screen, Colour::red, "not clean"),
                          found_text(totals), due);
    std::string text = what;
    const std::string outcomes = outcomes_text(totals.list("outcomes"));
    if (!outcomes.empty()) text += outcomes + '\n';
    const auto half = totals.number("late_p50");
    const auto nearly_all = totals.number("late_p99");
    if (half && nearly_all) {
        text += fmt::format("half of the fires started within {}, 99 % within {}\n",
                            elapsed_text(std::chrono::milliseconds(*half)),
                            elapsed_text(std::chrono::milliseconds(*nearly_all)));
    }
    return text;
}

/// What the result does not cover.
void say_limits(const AnswerFields& totals, const json::array& findings)
{
    if (totals.flag("unplanned")) {
        const std::string since = local_time_text(totals.millis("planned_through"));
        say(since.empty() ? std::string("no fire has ever been planned here")
                          : "no node has planned fires since " + since);
    }
    if (totals.number_or("from", 0) > totals.number_or("asked_from", 0)) {
        say("the ledger begins at " + local_time_text(totals.millis("from")));
    }
    if (const std::int64_t unknown = totals.number_or("unknown_jobs", 0); unknown > 0) {
        say(fmt::format("{} no history that says what was due",
                        counted(unknown, "job has rows, but", "jobs have rows, but")));
    }
    const std::int64_t fires = totals.number_or("unjudged_fires", 0);
    const std::int64_t rows = totals.number_or("unjudged_rows", 0);
    if (fires + rows > 0) {
        say(
            fmt::format("{} and {} were not judged: their jobs had just been changed, are at their "
                        "limit of runs, or are not known",
                        counted(fires, "fire without a row", "fires without rows"),
                        counted(rows, "row", "rows")));
    }
    std::int64_t found = 0;
    for (const Kind& kind : kinds) found += totals.number_or(kind.name, 0);
    std::int64_t listed = 0;
    for (const json::value& finding : findings)
        listed += AnswerFields(finding).number_or("fires", 1);
    if (found > listed) say(fmt::format("{} more are counted, but not listed", found - listed));
}

ExitStatus audit(const AuditOptions& options)
{
    Query query;
    add_past_span(query, {"--from", options.from}, {"--to", options.to});
    if (!options.late.empty()) query.emplace_back("late", options.late);
    ApiClient client = make_client(options);
    if (options.job) query.emplace_back("job", job_id_of(client, *options.job));
    const json::value data = client.get("/audit", query);
    const AnswerFields answer(data);
    const json::value* const found =
        data.if_object() != nullptr ? data.get_object().if_contains("totals") : nullptr;
    if (found == nullptr) {
        throw Failure(ExitStatus::failed,
                      "the node's answer has no totals: is the node older than this program?");
    }
    const AnswerFields totals(*found);
    if (options.json) {
        print_json(data);
    } else {
        const Screen screen = screen_of_stdout();
        json::array findings = answer.list("findings");
        JobNames(client).note(findings);
        print(findings_text(findings, screen) + totals_text(totals, screen));
        say_limits(totals, answer.list("findings"));
    }
    return totals.flag("clean") ? ExitStatus::done : ExitStatus::not_clean;
}

}  // namespace

void add_audit_command(CLI::App& app, Action& chosen)
{
    CLI::App& command = *app.add_subcommand(
        "audit", "Compare the fires that were due with the ledger; exit 0 only if all is well");
    command.footer(
        "Examples:\n"
        "  peercron audit\n"
        "  peercron audit --job backup --from 30d --late 500ms\n"
        "  peercron audit --from '2026-11-01' --to '2026-11-21 08:00' --json\n"
        "Computes again from the histories of the jobs which fires were due. Lists missing\n"
        "fires, extra rows, doubled and late fires, rows that should have ended by now, and fires\n"
        "that were missed for a reason that nobody asked for; then how many fires ended in which\n"
        "state. Exits with 11 if anything is wrong.");
    auto options = std::make_shared<AuditOptions>();
    command
        .add_option_function<std::string>(
            "--job", [options](const std::string& given) { options->job = given; },
            "Only this job, by id or name; a deleted job by id")
        ->type_name("JOB");
    command
        .add_option(
            "--from", options->from,
            "Fires due from this time on: 15m (ago), or a date and time; default: 24h before --to")
        ->type_name("TIME");
    command.add_option("--to", options->to, "Fires due before this time; default: now")
        ->type_name("TIME");
    command
        .add_option("--late", options->late,
                    "A fire is late if it starts later than this: 500ms, 2s; default: 3s")
        ->type_name("DURATION");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return audit(*options); });
}

}  // namespace peercron
