#include "cli/next_command.hpp"

#include "cli/answer_fields.hpp"
#include "cli/moment_options.hpp"
#include "cli/moments.hpp"
#include "schedule/preview.hpp"
#include "schedule/schedule.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// So many jobs in one second are worth a word.
constexpr std::ptrdiff_t crowd = 10;

struct NextOptions {
    PreviewRequest request;
    std::string from = "now";
    ApiOptions api;
};

/// When another job fires.
struct Other {
    Schedule schedule;
    Window window;
};

/// @param node_zone of jobs without a zone of their own.
std::vector<Other> others_of(const json::value& jobs, std::int64_t own_id,
                             const std::string& node_zone)
{
    std::vector<Other> others;
    for (const json::value& value : rows_of(jobs)) {
        const AnswerFields job(value);
        const bool will_fire = job.number("next_run_at").has_value();
        if (!will_fire || job.number("id") == own_id) continue;
        std::string zone = job.text("time_zone");
        if (zone.empty()) zone = node_zone;
        const auto schedule = Schedule::make(job.text("cron_set"), zone, job.number_or("id", 0));
        if (!schedule) continue;
        others.push_back(
            {*schedule, {job.number_or("start_time", 0), job.number_or("end_time", 0)}});
    }
    return others;
}

/// Says at which of the fires most other jobs of the node fire.
void warn_of_crowd(const NextOptions& options, const std::vector<sys_seconds>& fires)
{
    ApiClient client = make_client(options.api);
    const std::string zone = AnswerFields(client.get("/health")).text("time_zone");
    const std::vector<Other> others =
        others_of(client.get("/cron/list"), options.request.job_id, zone.empty() ? "UTC" : zone);
    std::ptrdiff_t most = 0;
    sys_seconds when;
    for (const sys_seconds fire : fires) {
        const auto count = std::ranges::count_if(others, [&](const Other& other) {
            return other.schedule.next_in_window(fire - seconds(1), other.window) == fire;
        });
        if (count <= most) continue;
        most = count;
        when = fire;
    }
    if (most < crowd) return;
    say(
        fmt::format("note: {} other jobs of {} fire at {}, in the same second; use H or another "
                    "second to spread them",
                    most, client.url(), utc_text(when)));
}

ExitStatus show_next(NextOptions options)
{
    options.request.from = moment_option("--from", options.from);
    const auto found = preview(options.request);
    if (!found) throw Failure(ExitStatus::usage, found.error().message);
    print(options.api.json ? preview_json(*found) : preview_text(*found));
    for (const std::string& sentence : found->advice) say("note: " + sentence);
    if (!names_node(options.api)) return ExitStatus::done;
    try {
        warn_of_crowd(options, found->fires);
    } catch (const Failure& failure) {
        // What was asked for is there.
        say(fmt::format("note: not compared with other jobs: {}", failure.what()));
    }
    return ExitStatus::done;
}

}  // namespace

void add_next_command(CLI::App& app, Action& chosen)
{
    CLI::App& command =
        *app.add_subcommand("next", "Explain a cron expression and print its next fires");
    command.footer(
        "Examples:\n"
        "  peercron next '0 30 2 * * 1-5' --tz Europe/Berlin -n 3\n"
        "  peercron next '0 0 3 * * *' --url http://127.0.0.1:9990\n"
        "On standard error it notes possible surprises: fires while the clocks change and, if a\n"
        "node is named, fires in the same second as those of many other jobs.");
    auto options = std::make_shared<NextOptions>();
    PreviewRequest& request = options->request;
    command.add_option("EXPR", request.expression, "The expression, quoted")
        ->required()
        ->type_name("");
    command.add_option("-n", request.count, "How many fires")
        ->capture_default_str()
        ->type_name("COUNT");
    command.add_option("--tz", request.zone, "IANA time zone")
        ->capture_default_str()
        ->type_name("ZONE");
    command.add_option("--from", options->from, "Fires later than this time")
        ->capture_default_str()
        ->type_name("TIME");
    command.add_option("--job-id", request.job_id, "The id of the job, by which H is spread")
        ->check(CLI::NonNegativeNumber.description(""))
        ->capture_default_str()
        ->type_name("ID");
    command.add_flag("--json", options->api.json, "One JSON object");
    add_node_options(command, options->api);
    on_parsed(command, chosen, [options] { return show_next(*options); });
}

}  // namespace peercron
