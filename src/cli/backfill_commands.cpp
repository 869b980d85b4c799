#include "cli/backfill_commands.hpp"

#include "base/counted.hpp"
#include "cli/answer_fields.hpp"
#include "cli/moment_options.hpp"
#include "cli/moments.hpp"
#include "cli/table.hpp"
#include "cli/text_width.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace peercron {

namespace json = boost::json;

namespace {

struct BackfillOptions : ApiOptions {
    std::string job;
    std::string from;
    std::string to;
    std::string only = "missing";
    std::int64_t parallel = 1;
    bool dry_run = false;
    std::string backfill;
};

/// "24 fires, the oldest first, 1 at a time:" and the first of them.
std::string plan_text(const json::value& data)
{
    const AnswerFields plan(data);
    const std::int64_t fires = plan.number_or("fires", 0);
    const json::array& first = plan.list("first_fires");
    std::string text = fmt::format("{}{}\n", counted(fires, "fire"),
                                   fires == 0 ? ": there is nothing to run"
                                              : fmt::format(", the oldest first, {} at a time:",
                                                            plan.number_text("parallel")));
    constexpr std::size_t shown = 10;
    for (std::size_t i = 0; i < first.size() && i < shown; ++i) {
        if (!first[i].is_int64()) continue;
        text += fmt::format("  {}\n", local_time_text(from_unix_millis(first[i].get_int64())));
    }
    if (fires > static_cast<std::int64_t>(shown)) {
        text += fmt::format("  and {} more\n", fires - static_cast<std::int64_t>(shown));
    }
    return text;
}

/// Says first what will run.
ExitStatus begin_backfill(const BackfillOptions& options)
{
    json::object fields;
    const auto from = past_option("--from", options.from);
    fields["from"] = from.time_since_epoch().count();
    if (!options.to.empty()) {
        fields["to"] = past_option("--to", options.to, from).time_since_epoch().count();
    }
    fields["only"] = options.only;
    fields["parallel"] = options.parallel;
    fields["dry_run"] = true;
    ApiClient client = make_client(options);
    const std::string call = "/cron/backfill/" + job_id_of(client, options.job);
    json::value data = client.post(call, fields);
    if (!options.json) print(plan_text(data));
    const bool has_fires = AnswerFields(data).number_or("fires", 0) > 0;
    if (!options.dry_run && has_fires) {
        fields["dry_run"] = false;
        data = client.post(call, fields);
        if (!options.json) {
            const std::string id = AnswerFields(data).number_text("id");
            print(fmt::format("backfill {} has begun; `peercron job stop-backfill {}` stops it\n",
                              id, id));
        }
    }
    if (options.json) print_json(data);
    return ExitStatus::done;
}

std::string backfills_text(const json::array& backfills, const Screen& screen)
{
    Table table({{"ID", true},
                 {"FROM"},
                 {"TO"},
                 {"ONLY"},
                 {"STATE"},
                 {"BEGUN", true},
                 {"FIRES", true},
                 {"ASKED BY", false, true},
                 {"WHY", false, true}});
    for (const json::value& value : backfills) {
        const AnswerFields backfill(value);
        table.add({{backfill.number_text("id")},
                   {local_time_text(backfill.millis("from"))},
                   {local_time_text(backfill.millis("to"))},
                   {backfill.text("only")},
                   {backfill.text("state")},
                   {backfill.number_text("begun")},
                   {backfill.number_text("fires")},
                   {backfill.text("asked_by")},
                   {backfill.text("why")}});
    }
    return table.empty() ? "the job has no backfills\n" : table.text(screen);
}

ExitStatus list_backfills(const BackfillOptions& options)
{
    ApiClient client = make_client(options);
    const json::value data =
        client.get(fmt::format("/cron/{}/backfills", job_id_of(client, options.job)));
    if (options.json) {
        print_json(data);
    } else {
        print(backfills_text(rows_of(data), screen_of_stdout()));
    }
    return ExitStatus::done;
}

ExitStatus stop_backfill(const BackfillOptions& options)
{
    ApiClient client = make_client(options);
    const json::value data = client.post("/cron/backfill/stop/" + options.backfill);
    if (options.json) {
        print_json(data);
        return ExitStatus::done;
    }
    const AnswerFields backfill(data);
    print(fmt::format("backfill {} is {}: {} of {} fires have begun; those that run go on\n",
                      backfill.number_text("id"), backfill.text("state"),
                      backfill.number_text("begun"), backfill.number_text("fires")));
    return ExitStatus::done;
}

}  // namespace

void add_backfill_commands(CLI::App& group, Action& chosen)
{
    CLI::App& begin = *group.add_subcommand("backfill", "Run fires of the past, the oldest first");
    begin.footer(
        "Examples:\n"
        "  peercron job backfill report --from 'yesterday 00:00' --dry-run\n"
        "  peercron job backfill report --from 2026-11-20 --to 2026-11-22 --only failed\n"
        "It says first which fires it runs. Each runs as the next attempt of the same fire.");
    auto options = std::make_shared<BackfillOptions>();
    begin.add_option("JOB", options->job, "Id or name of the job")->required()->type_name("");
    begin.add_option("--from", options->from, "Fires that were due from here on")
        ->required()
        ->type_name("TIME");
    begin.add_option("--to", options->to, "Fires that were due before this; now if not given")
        ->type_name("TIME");
    begin
        .add_option("--only", options->only,
                    "Which of them: missing (they did not run), failed, all")
        ->type_name("WHICH");
    begin.add_option("--parallel", options->parallel, "How many run at a time, 1 to 100")
        ->type_name("N");
    begin.add_flag("--dry-run", options->dry_run, "Only say which fires would run");
    add_api_options(begin, *options);
    on_parsed(begin, chosen, [options] { return begin_backfill(*options); });

    CLI::App& list = *group.add_subcommand("backfills", "Show the backfills of a job");
    list.footer("Example:\n  peercron job backfills report");
    options = std::make_shared<BackfillOptions>();
    list.add_option("JOB", options->job, "Id or name of the job")->required()->type_name("");
    add_api_options(list, *options);
    on_parsed(list, chosen, [options] { return list_backfills(*options); });

    CLI::App& stop = *group.add_subcommand("stop-backfill", "Stop a backfill; its runs go on");
    stop.footer("Example:\n  peercron job stop-backfill 7");
    options = std::make_shared<BackfillOptions>();
    stop.add_option("BACKFILL", options->backfill, "Its number")->required()->type_name("");
    add_api_options(stop, *options);
    on_parsed(stop, chosen, [options] { return stop_backfill(*options); });
}

}  // namespace peercron
