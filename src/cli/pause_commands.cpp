#include "cli/pause_commands.hpp"

#include "cli/answer_fields.hpp"
#include "cli/moment_options.hpp"
#include "cli/moments.hpp"
#include "cli/pause_text.hpp"
#include "cli/table.hpp"
#include "cli/text_width.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace peercron {

namespace json = boost::json;

std::string pause_text(const AnswerFields& pause)
{
    const std::string reason = pause.text("reason");
    const std::string until = local_time_text(pause.millis("until"));
    const auto begin = pause.millis("begins_at");
    const bool is_to_come = begin && *begin > std::chrono::system_clock::now();
    return fmt::format(
        "{}{}{}, by {}", is_to_come ? fmt::format("from {} ", local_time_text(begin)) : "",
        until.empty() ? "until somebody ends it" : "until " + until,
        reason.empty() ? "" : ": " + one_line(reason), one_line(pause.text("made_by")));
}

std::string pause_scope(const AnswerFields& pause)
{
    const std::string tag = pause.text("tag");
    if (!tag.empty()) return "tag " + one_line(tag);
    const std::int64_t job = pause.number_or("cron_id", 0);
    return job == 0 ? std::string("all jobs") : fmt::format("job {}", job);
}

namespace {

struct PauseOptions : ApiOptions {
    std::string tag;
    std::string from;
    std::string until;
    std::string length;
    std::string reason;
    std::string id;
    bool all = false;
};

/// A variable of the shell that is not set must not pause everything.
std::string not_empty(const std::string& given)
{
    return given.empty() ? "given \"\"; leave the option out, or say what it should be" : "";
}

std::string state_of_pause(const AnswerFields& pause)
{
    if (pause.flag("active")) return "paused";
    const auto begins_at = pause.millis("begins_at");
    const bool is_to_come = begins_at && *begins_at > std::chrono::system_clock::now();
    return is_to_come && !pause.millis("ended_at") ? "to come" : "over";
}

std::string pauses_text(const json::array& pauses, const Screen& screen)
{
    Table table(
        {{"ID", true}, {"OF"}, {"STATE"}, {"FROM"}, {"UNTIL"}, {"BY"}, {"REASON", false, true}});
    for (const json::value& value : pauses) {
        const AnswerFields pause(value);
        const auto ended_at = pause.millis("ended_at");
        const std::string state = state_of_pause(pause);
        table.add({{pause.number_text("id")},
                   {pause_scope(pause)},
                   {state, state == "paused" ? Colour::yellow : Colour::dim},
                   {local_time_text(pause.millis("begins_at"))},
                   {local_time_text(ended_at ? ended_at : pause.millis("until"))},
                   {pause.text("made_by")},
                   {pause.text("reason")}});
    }
    return table.empty() ? "nothing is paused\n" : table.text(screen);
}

ExitStatus list_pauses(const PauseOptions& options)
{
    ApiClient client = make_client(options);
    Query query;
    if (options.all) query.emplace_back("all", "1");
    const json::value data = client.get("/pause/list", query);
    if (options.json) {
        print_json(data);
    } else {
        print(pauses_text(rows_of(data), screen_of_stdout()));
    }
    return ExitStatus::done;
}

/// When the pause ends that begins then, or now; nothing where somebody has to end it.
std::optional<std::chrono::sys_seconds> end_of(const PauseOptions& options,
                                               std::optional<std::chrono::sys_seconds> begin)
{
    if (options.length.empty()) {
        if (options.until.empty()) return std::nullopt;
        return moment_option("--until", options.until, begin);
    }
    if (!options.until.empty()) {
        throw Failure(ExitStatus::usage, "give --for or --until, and only one of these");
    }
    const auto length = read_duration(options.length);
    if (!length) throw Failure(ExitStatus::usage, "--for: " + length.error().message);
    return begin.value_or(this_second()) + *length;
}

ExitStatus add_pause(const PauseOptions& options)
{
    json::object fields;
    if (!options.tag.empty()) fields["tag"] = options.tag;
    std::optional<std::chrono::sys_seconds> begin;
    if (!options.from.empty()) begin = moment_option("--from", options.from);
    const auto end = end_of(options, begin);
    if (begin) fields["from"] = begin->time_since_epoch().count();
    if (end) fields["until"] = end->time_since_epoch().count();
    if (!options.reason.empty()) fields["reason"] = options.reason;
    ApiClient client = make_client(options);
    const json::value data = client.post("/pause", fields);
    const AnswerFields pause(data);
    if (options.json) {
        print_json(data);
    } else {
        print(fmt::format("pause {} of {} {}\n", pause.number_text("id"), pause_scope(pause),
                          pause_text(pause)));
    }
    return ExitStatus::done;
}

ExitStatus end_pauses(const PauseOptions& options)
{
    if (!options.id.empty() && !options.tag.empty()) {
        throw Failure(ExitStatus::usage, "give the id of a pause or --tag, and only one of these");
    }
    json::object fields;
    if (!options.id.empty()) fields["id"] = options.id;
    if (!options.tag.empty()) fields["tag"] = options.tag;
    ApiClient client = make_client(options);
    const json::value data = client.post("/resume", fields);
    const json::array& ended = rows_of(data);
    if (options.json) {
        print_json(data);
    } else if (ended.empty()) {
        print("there was nothing to end; `peercron pause list` shows the pauses\n");
    } else {
        for (const json::value& value : ended) {
            const AnswerFields pause(value);
            print(
                fmt::format("pause {} of {} ended\n", pause.number_text("id"), pause_scope(pause)));
        }
    }
    return ExitStatus::done;
}

}  // namespace

void add_pause_commands(CLI::App& app, Action& chosen)
{
    CLI::App& group = *app.add_subcommand(
        "pause", "Keep all jobs, or those with a tag, from starting for a time");
    group.footer(
        "Examples:\n"
        "  peercron pause add --until 23:00 --reason 'db upgrade'\n"
        "  peercron pause end");
    group.require_subcommand(1);

    auto options = std::make_shared<PauseOptions>();
    CLI::App& add = *group.add_subcommand("add", "Pause jobs: they do not start by themselves");
    add.footer(
        "Examples:\n"
        "  peercron pause add --until 23:00 --reason 'db upgrade'\n"
        "  peercron pause add --for 10m\n"
        "  peercron pause add --tag db --from 22:00 --until 23:00\n"
        "`peercron job stop JOB --until 23:00` pauses one job.");
    add.add_option("--tag", options->tag, "Only jobs with this tag; without it all")
        ->check(not_empty)
        ->type_name("TAG");
    add.add_option("--from", options->from, "When it begins; without it now")
        ->check(not_empty)
        ->type_name("TIME");
    add.add_option("--until", options->until,
                   "When it ends by itself; without it `peercron pause end` ends it")
        ->check(not_empty)
        ->type_name("TIME");
    add.add_option("--for", options->length,
                   "How long it lasts, as 10m or 1h30m; in place of --until")
        ->check(not_empty)
        ->type_name("DURATION");
    add.add_option("--reason", options->reason, "Why, for the rows of the fires that are skipped")
        ->type_name("TEXT");
    add_api_options(add, *options);
    on_parsed(add, chosen, [options] { return add_pause(*options); });

    options = std::make_shared<PauseOptions>();
    CLI::App& end = *group.add_subcommand("end", "End the pauses of all jobs, of a tag, or one");
    end.footer(
        "Examples:\n  peercron pause end\n  peercron pause end --tag db\n"
        "  peercron pause end 12");
    end.add_option("ID", options->id, "Of one pause, as `peercron pause list` shows it")
        ->check(not_empty)
        ->type_name("");
    end.add_option("--tag", options->tag, "The pauses of this tag")
        ->check(not_empty)
        ->type_name("TAG");
    add_api_options(end, *options);
    on_parsed(end, chosen, [options] { return end_pauses(*options); });

    options = std::make_shared<PauseOptions>();
    CLI::App& list = *group.add_subcommand("list", "Show the pauses");
    list.footer("Example:\n  peercron pause list --all");
    list.add_flag("--all", options->all, "Those that are over, too");
    add_api_options(list, *options);
    on_parsed(list, chosen, [options] { return list_pauses(*options); });
}

}  // namespace peercron
