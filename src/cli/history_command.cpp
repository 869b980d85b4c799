#include "cli/history_command.hpp"

#include "cli/answer_fields.hpp"
#include "cli/field_text.hpp"
#include "cli/job_changes.hpp"
#include "cli/moments.hpp"
#include "cli/table.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>

#include <memory>
#include <optional>
#include <string>

namespace peercron {

namespace json = boost::json;

namespace {

struct HistoryOptions : ApiOptions {
    std::string job;
    std::optional<int> page;
    std::optional<int> limit;
    bool deleted = false;
};

std::string or_none(const std::string& text)
{
    return text.empty() ? "''" : text;
}

/// What a revision changed, on one line.
std::string changes_text(const json::object& revision)
{
    const json::value* const before = revision.if_contains("before");
    const json::value* const after = revision.if_contains("after");
    const bool had = before != nullptr && before->is_object();
    const bool has = after != nullptr && after->is_object();
    if (!had && !has) return "";
    if (!had || !has) {
        const Job job = job_of(had ? *before : *after);
        return fmt::format("{}  {}", job.cron_set, what_it_does(job));
    }
    std::string text;
    for (const FieldChange& change : field_changes(job_of(*before), job_of(*after))) {
        text += fmt::format("{}{}: {} → {}", text.empty() ? "" : ", ", change.name,
                            or_none(change.before), or_none(change.after));
    }
    return text;
}

std::string author_text(const AnswerFields& revision)
{
    const std::string who = revision.text("who");
    return who.empty() ? "(database)" : who;
}

std::string history_text(const json::array& revisions, const Screen& screen)
{
    Table table(
        {{"WHEN"}, {"WHAT"}, {"WHO"}, {"FROM"}, {"WHY", false, true}, {"CHANGES", false, true}});
    for (const json::value& value : revisions) {
        if (!value.is_object()) continue;
        const AnswerFields revision(value);
        table.add({{local_time_text(revision.millis("effective_from"))},
                   {revision.text("action")},
                   {author_text(revision)},
                   {revision.text("from")},
                   {revision.text("reason")},
                   {changes_text(value.get_object())}});
    }
    return table.text(screen);
}

ExitStatus show_history(const HistoryOptions& options)
{
    Query query;
    if (options.page) query.emplace_back("page", std::to_string(*options.page));
    if (options.limit) query.emplace_back("limit", std::to_string(*options.limit));
    ApiClient client = make_client(options);
    const std::string id =
        past_job_id_of(client, options.job, options.deleted ? Deleted::only : Deleted::too);
    const json::value data = client.get(fmt::format("/cron/{}/history", id), query);
    if (options.json) {
        print_json(data);
        return ExitStatus::done;
    }
    const json::array& revisions = rows_of(data);
    print(history_text(revisions, screen_of_stdout()));
    const auto total = AnswerFields(data).number_or("total", 0);
    if (total > static_cast<std::int64_t>(revisions.size())) {
        say(fmt::format("{} of {} changes; --page and --limit show others", revisions.size(),
                        total));
    }
    return ExitStatus::done;
}

}  // namespace

void add_history_command(CLI::App& group, Action& chosen)
{
    CLI::App& command =
        *group.add_subcommand("history", "Show who changed a job, when, and what; newest first");
    command.footer(
        "Examples:\n"
        "  peercron job history backup\n"
        "  peercron job history 12 --json\n"
        "The history of a deleted job stays, under its id and its name; if another job has the\n"
        "name now, use --deleted. Changes that were made in the database itself are listed too,\n"
        "without an author.");
    auto options = std::make_shared<HistoryOptions>();
    command.add_option("JOB", options->job, "Id or name of the job")->required()->type_name("");
    command.add_flag("--deleted", options->deleted, "A deleted job that had this name");
    command.add_option("--page", options->page, "Which page, from 1")->type_name("N");
    command.add_option("--limit", options->limit, "How many per page, at most 1000")
        ->type_name("N");
    add_api_options(command, *options);
    on_parsed(command, chosen, [options] { return show_history(*options); });
}

}  // namespace peercron
