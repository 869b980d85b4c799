#include "cli/views.hpp"

#include "base/counted.hpp"
#include "cli/answer_fields.hpp"
#include "cli/field_text.hpp"
#include "cli/job_changes.hpp"
#include "cli/moments.hpp"
#include "cli/pause_text.hpp"
#include "cli/table.hpp"
#include "cli/text_width.hpp"
#include "model/chain.hpp"
#include "schedule/rfc3339.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

namespace peercron {

namespace json = boost::json;

namespace {

std::string yes_or_nothing(bool flag)
{
    return flag ? "yes" : "";
}

/// A bound of a job's window, given in Unix seconds.
std::string bound_text(const AnswerFields& job, std::string_view name)
{
    const std::int64_t unix_seconds = job.number_or(name, 0);
    if (unix_seconds == 0) return {};
    return time_text_in(job.text("time_zone"), from_unix_millis(unix_seconds * 1000));
}

std::string schedule_text(const AnswerFields& job)
{
    if (job.text("kind") == policy_name(JobKind::daemon)) return "kept alive";
    if (job.list("run_after").empty()) return job.text("cron_set");
    Job chained;
    chained.run_after = job.texts("run_after");
    const auto on = parse_policy<RunAfterOn>(job.text("run_after_on"));
    chained.run_after_on = on.value_or(RunAfterOn::success);
    return chain_words(chained);
}

/// Of a daemon, which has no schedule, its next start.
std::string next_run(const AnswerFields& job)
{
    const auto daemon = job.object("daemon");
    return daemon ? local_time_text(daemon->millis("next_start"))
                  : time_text_in(job.text("time_zone"), job.millis("next_run_at"));
}

std::string job_time(const AnswerFields& job, std::string_view name)
{
    return time_text_in(job.text("time_zone"), job.millis(name));
}

/// "up 3h04m on 10.0.0.7:9991", "down: back-off after 2 failures in a row".
Cell daemon_state(const AnswerFields& daemon)
{
    if (!daemon.flag("is_up")) return {"down: " + daemon.text("why"), Colour::yellow};
    const WallTime now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const std::chrono::milliseconds up = now - daemon.millis("since").value_or(now);
    return {fmt::format("up {} on {}", elapsed_text(std::max(up, std::chrono::milliseconds(0))),
                        daemon.text("node")),
            Colour::green};
}

Cell job_state(const AnswerFields& job)
{
    if (const auto daemon = job.object("daemon"); daemon && !job.flag("stop")) {
        return daemon_state(*daemon);
    }
    if (job.flag("stop")) return {"stopped", Colour::yellow};
    if (job.object("paused")) return {"paused", Colour::yellow};
    if (job.text("state") == "done") return {"done", Colour::dim};
    return {"enabled", Colour::green};
}

std::string paused_text(const AnswerFields& job)
{
    const auto pause = job.object("paused");
    return pause ? pause_text(*pause) : "";
}

/// How the newest run that has ended went.
Cell last_result(const AnswerFields& job)
{
    const std::string state = job.text("last_state");
    return {state, colour_of_state(state)};
}

std::string runs_of_limit(const AnswerFields& job)
{
    const auto ended = job.number("run_num");
    const std::int64_t limit = job.number_or("run_limit", 0);
    if (!ended) return limit > 0 ? fmt::format("at most {}", limit) : "";
    return limit > 0 ? fmt::format("{} of {}", *ended, limit) : std::to_string(*ended);
}

std::string misfire_text(const AnswerFields& job)
{
    std::string policy = job.text("misfire_policy");
    if (policy == policy_name(Misfire{})) policy.clear();
    if (job.text("misfire_window") == until_next_name) {
        return policy.empty() ? "until the next fire" : policy + ", until the next fire";
    }
    const auto window = job.number("misfire_window");
    if (!window) return policy;
    const std::string text = duration_text(std::chrono::seconds(*window));
    if (policy.empty()) return *window == 0 ? "none: late fires always run" : text;
    return *window == 0 ? policy + ", however late" : fmt::format("{}, window {}", policy, text);
}

std::string delivery_text(const AnswerFields& job)
{
    const std::string delivery = job.text("delivery");
    return delivery == policy_name(Delivery{}) ? "" : delivery;
}

/// What comes of overlap policy, limit and mutex together.
std::string overlap_text(const Job& job)
{
    if (job.overlap == Overlap::allow && job.max_concurrent == 0) return {};
    const Concurrency concurrency = concurrency_of(job);
    return fmt::format("{}, at most {} at a time", policy_name(concurrency.at_limit),
                       concurrency.limit);
}

std::string signal_name(std::int64_t number)
{
    const char* const name = ::sigabbrev_np(static_cast<int>(number));
    return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

std::string exit_text(const AnswerFields& run)
{
    if (const auto signal = run.number("term_signal")) return signal_name(*signal);
    if (const auto status = run.number("http_status")) return std::to_string(*status);
    return run.number_text("exit_code");
}

std::optional<std::chrono::milliseconds> took(const AnswerFields& run)
{
    if (!run.millis("started_at") || !run.millis("ended_at")) return std::nullopt;
    return std::chrono::milliseconds(run.number_or("use_time", 0));
}

std::string took_text(const AnswerFields& run)
{
    const auto time = took(run);
    return time ? elapsed_text(*time) : "";
}

/// Why it ended so, or else the beginning of what it said.
std::string remark_on(const AnswerFields& run)
{
    const std::string reason = run.text("reason");
    const std::string output = run.text("output");
    std::string remark = reason;
    if (const auto fires = run.number("fires")) {
        remark +=
            fmt::format(" ({} fires until {})", *fires, local_time_text(run.millis("gap_end")));
    }
    if (!output.empty()) {
        if (!remark.empty()) remark += ": ";
        remark += output.substr(0, 400);
    }
    return remark;
}

Cell state_of(const AnswerFields& run)
{
    const std::string state = run.text("state");
    return {state, colour_of_state(state)};
}

/// Which node it was says nothing then.
bool are_of_one_node(const json::array& runs)
{
    std::string first;
    for (const json::value& value : runs) {
        const std::string node = AnswerFields(value).text("run_server");
        if (node.empty()) continue;
        if (!first.empty() && node != first) return false;
        first = node;
    }
    return true;
}

/// "2026-11-21 08:00:00.123".
std::string exact_time(std::optional<WallTime> time)
{
    if (!time) return {};
    return fmt::format("{}.{:03}", local_time_text(time), time->time_since_epoch().count() % 1000);
}

std::string size_text(std::int64_t bytes)
{
    if (bytes < 1024) return fmt::format("{} B", bytes);
    if (bytes < 1024 * 1024) return fmt::format("{:.1f} KiB", double(bytes) / 1024);
    return fmt::format("{:.1f} MiB", double(bytes) / 1024 / 1024);
}

Cell node_state(const AnswerFields& node)
{
    const bool is_there = node.flag("passing") || node.flag("connected");
    const bool is_registered = !node.text("http_address").empty();
    if (node.flag("draining") && !is_there && !is_registered) return {"stopped"};
    if (!node.flag("passing") && !node.flag("draining")) return {"failing", Colour::red};
    if (node.flag("draining")) return {"draining", Colour::yellow};
    if (!node.flag("connected")) return {"not connected", Colour::yellow};
    return {"ready", Colour::green};
}

/// Which fields job_text() shows in a way of its own.
constexpr std::array<std::string_view, 16> told_apart{
    "name",           "cron_set", "command",        "remark",    "time_zone", "start_time",
    "end_time",       "is_mutex", "timeout",        "run_limit", "delivery",  "misfire_window",
    "misfire_policy", "overlap",  "max_concurrent", "stop"};

/// The others as they are, where they are not the default.
void add_other_fields(Details& details, const Job& job)
{
    for (const JobField* field : fields_of(differences(Job(), job))) {
        if (std::ranges::find(told_apart, field->name) != told_apart.end()) continue;
        std::string label(field->name);
        std::ranges::replace(label, '_', ' ');
        details.push_back({std::move(label), {field_text(*field, job)}});
    }
}

}  // namespace

std::string jobs_text(const json::array& jobs, const Screen& screen)
{
    Table table({{"ID", true},
                 {"NAME", false, true},
                 {"SCHEDULE", false, true},
                 {"STATE"},
                 {"RUNS", true},
                 {"LAST RUN"},
                 {"RESULT"},
                 {"NEXT RUN"},
                 {"COMMAND", false, true}});
    for (const json::value& value : jobs) {
        const AnswerFields job(value);
        table.add({{job.number_text("id")},
                   {job.text("name")},
                   {schedule_text(job)},
                   job_state(job),
                   {runs_of_limit(job)},
                   {job_time(job, "last_run_at")},
                   last_result(job),
                   {next_run(job)},
                   {what_it_does(job_of(value))}});
    }
    return table.empty() ? "" : table.text(screen);
}

std::string job_text(const json::value& value, const Screen& screen)
{
    const AnswerFields job(value);
    const std::int64_t timeout = job.number_or("timeout", 0);
    Details details{{"job", {job.number_text("id")}},
                    {"name", {job.text("name")}},
                    {"state", job_state(job)},
                    {"paused", {paused_text(job)}},
                    {"schedule", {schedule_text(job)}},
                    {"time zone", {job.text("time_zone")}},
                    {"command", {job.text("command")}},
                    {"remark", {job.text("remark")}},
                    {"starts", {bound_text(job, "start_time")}},
                    {"ends", {bound_text(job, "end_time")}},
                    {"mutex", {yes_or_nothing(job.flag("is_mutex"))}},
                    {"overlap", {overlap_text(job_of(value))}},
                    {"delivery", {delivery_text(job)}},
                    {"timeout", {timeout > 0 ? duration_text(std::chrono::seconds(timeout)) : ""}},
                    {"misfire", {misfire_text(job)}}};
    add_other_fields(details, job_of(value));
    details.insert(details.end(), {{"runs", {runs_of_limit(job)}},
                                   {"last run", {job_time(job, "last_run_at")}},
                                   {"result", last_result(job)},
                                   {"next start", {job.object("daemon") ? next_run(job) : ""}},
                                   {"error", {job.text("schedule_error"), Colour::red}}});
    std::string text = details_text(details, screen);
    std::string_view title = "next runs";
    for (const std::string& moment : job.texts("next")) {
        const auto time = parse_rfc3339(moment);
        text += painted(screen, Colour::bold, title);
        text += fmt::format(
            "{}  {}\n", std::string(9 - title.size(), ' '),
            time ? time_text_in(job.text("time_zone"), WallTime(*time)) : one_line(moment));
        title = "";
    }
    return text;
}

std::string job_label(const json::value& value)
{
    const AnswerFields job(value);
    const std::string name = job.text("name");
    const std::string id = job.number_text("id");
    return name.empty() ? id : fmt::format("{} ({})", id, one_line(name));
}

std::string job_counts_text(const json::value& counts)
{
    const AnswerFields fields(counts);
    return fmt::format("{}: {} enabled, {} stopped\n",
                       counted(fields.number_or("total", 0), "job", "jobs"),
                       fields.number_or("enabled", 0), fields.number_or("stopped", 0));
}

std::string run_job(const json::value& value)
{
    const AnswerFields run(value);
    const std::string name = run.text("job_name");
    const std::string id = run.number_text("cron_id");
    return name.empty() ? id : fmt::format("{} {}", id, name);
}

/// The same, with which part of its fire it is, where that is several runs: "4 thumbnails, part 2".
std::string run_part(const json::value& value)
{
    const AnswerFields run(value);
    if (run.number_or("parts", 1) <= 1) return run_job(value);
    return fmt::format("{}, part {}", run_job(value), run.number_or("part", 0));
}

std::string runs_text(const json::array& runs, const Screen& screen)
{
    const bool one_node = are_of_one_node(runs);
    Table table({{"RUN", true},
                 {"JOB", false, true},
                 {"SCHEDULED"},
                 {"STATE"},
                 {"TOOK", true},
                 {"EXIT", true},
                 {"NODE", false, true},
                 {"REASON OR OUTPUT", false, true}});
    for (const json::value& value : runs) {
        const AnswerFields run(value);
        table.add({{run.number_text("id")},
                   {run_part(value)},
                   {local_time_text(run.millis("scheduled_at"))},
                   state_of(run),
                   {took_text(run)},
                   {exit_text(run)},
                   {one_node ? "" : run.text("run_server")},
                   {remark_on(run)}});
    }
    return table.empty() ? "" : table.text(screen);
}

std::string run_text(const json::value& value, const Screen& screen)
{
    const AnswerFields run(value);
    const auto started = run.millis("started_at");
    const auto scheduled = run.millis("scheduled_at");
    std::string start = exact_time(started);
    const auto due = run.millis("retry_at") ? run.millis("retry_at") : scheduled;
    if (started && due) start += fmt::format(" ({:+} ms)", (*started - *due).count());
    std::string gap;
    if (const auto fires = run.number("fires")) {
        gap = fmt::format("{} until {}", *fires, local_time_text(run.millis("gap_end")));
    }
    const auto used = run.number("cpu_time");
    const auto memory = run.number("max_rss");
    const std::int64_t attempt = run.number_or("attempt", 1);
    const std::int64_t parts = run.number_or("parts", 1);
    std::string text = details_text(
        {{"run", {run.number_text("id")}},
         {"job", {run_job(value)}},
         {"state", state_of(run)},
         {"reason", {run.text("reason")}},
         {"requested by", {run.text("requested_by")}},
         {"unusual", {run.joined_texts("unusual")}},
         {"scheduled", {exact_time(scheduled)}},
         {"fires", {gap}},
         {"retry at", {exact_time(run.millis("retry_at"))}},
         {"started", {start}},
         {"ended", {exact_time(run.millis("ended_at"))}},
         {"took", {took_text(run)}},
         {run.number("http_status") ? "HTTP status" : "exit", {exit_text(run)}},
         {"CPU time", {used && started ? elapsed_text(std::chrono::milliseconds(*used)) : ""}},
         {"memory", {memory.value_or(0) > 0 ? size_text(*memory) : ""}},
         {"node", {run.text("run_server")}},
         {"dispatcher", {run.text("dispatch_server")}},
         {"part", {parts > 1 ? fmt::format("{} of {}", run.number_or("part", 0), parts) : ""}},
         {"belongs to", {run.text("for_node")}},
         {"attempt", {attempt > 1 ? std::to_string(attempt) : ""}},
         {"epoch", {run.number_text("epoch")}}},
        screen);
    const std::string output = run.text("output");
    if (output.empty()) return text;
    const auto written = run.number_or("output_bytes", static_cast<std::int64_t>(output.size()));
    text += painted(screen, Colour::bold, "output");
    text += fmt::format(" ({})\n", size_text(written));
    text += screen.terminal ? many_lines(output) : output;
    if (!text.ends_with('\n')) text += '\n';
    return text;
}

std::string run_line_titles(const Screen& screen)
{
    return painted(screen, Colour::bold,
                   fmt::format("{:<19}  {:<20} {:<8} {:>6} {:<7} {}", "SCHEDULED", "JOB", "STATE",
                               "TOOK", "EXIT", "NODE, REASON OR OUTPUT")) +
           '\n';
}

std::string run_line(const json::value& value, const Screen& screen)
{
    constexpr std::size_t job_width = 20;
    const AnswerFields run(value);
    const std::string state = run.text("state");
    const std::string job = cut_to_width(one_line(run_part(value)), job_width);
    std::string line = fmt::format("{}  {}{} ", local_time_text(run.millis("scheduled_at")), job,
                                   std::string(job_width - display_width(job), ' '));
    line += painted(screen, colour_of_state(state), fmt::format("{:<8}", state));
    std::string rest = fmt::format(" {:>6} {:<7} ", took_text(run), exit_text(run));
    const std::string node = one_line(run.text("run_server"));
    if (!node.empty()) rest += node + "  ";
    rest += one_line(remark_on(run));
    constexpr std::size_t taken = 19 + 2 + job_width + 1 + 8;  // `line`, without its colours
    if (screen.width) rest = cut_to_width(rest, *screen.width > taken ? *screen.width - taken : 0);
    rest.erase(rest.find_last_not_of(' ') + 1);
    return line + rest + '\n';
}

std::string outcome_text(const json::value& value)
{
    const AnswerFields run(value);
    std::string text =
        fmt::format("run {} of job {}", run.number_text("id"), one_line(run_job(value)));
    if (const auto parts = run.number_or("parts", 1); parts > 1) {
        text += fmt::format(", part {} of {}", run.number_or("part", 0), parts);
    }
    text += ": " + run.text("state");
    if (const auto time = took(run)) text += " after " + elapsed_text(*time);
    std::string why = one_line(run.text("reason"));
    if (run.number("term_signal")) {
        if (!why.empty()) why += ", ";
        why += exit_text(run);
    } else if (run.number("exit_code")) {
        if (!why.empty()) why += ", ";
        why += "exit " + exit_text(run);
    } else if (run.number("http_status")) {
        if (!why.empty()) why += ", ";
        why += "HTTP status " + exit_text(run);
    }
    if (!why.empty()) text += " (" + why + ")";
    return text;
}

std::string missed_text(const json::array& runs, const Screen& screen)
{
    Table table({{"RUN", true},
                 {"JOB", true},
                 {"NAME", false, true},
                 {"SCHEDULED"},
                 {"FIRES", true},
                 {"STATE"},
                 {"REASON", false, true}});
    for (const json::value& value : runs) {
        const AnswerFields run(value);
        std::string scheduled = local_time_text(run.millis("scheduled_at"));
        const std::int64_t fires = run.number_or("fires", 1);
        if (fires > 1) scheduled += " … " + local_time_text(run.millis("gap_end"));
        table.add({{run.number_text("id")},
                   {run.number_text("cron_id")},
                   {run.text("job_name")},
                   {std::move(scheduled)},
                   {fires > 1 ? std::to_string(fires) : ""},
                   state_of(run),
                   {run.text("reason")}});
    }
    return table.empty() ? "" : table.text(screen);
}

namespace {

/// All but the addresses, which have columns of their own.
std::string labels_text(const AnswerFields& node)
{
    std::vector<std::string> labels = node.texts("labels");
    std::erase_if(labels, [](const std::string& label) { return label.starts_with("address="); });
    return fmt::format("{}", fmt::join(labels, ","));
}

}  // namespace

std::string nodes_text(const json::array& nodes, const Screen& screen)
{
    Table table({{"NODE"},
                 {"HTTP"},
                 {"VERSION"},
                 {"STATE"},
                 {"DISPATCHES"},
                 {"RUNNING", true},
                 {"SLOTS", true},
                 {"HELD", true},
                 {"QUEUED", true},
                 {"CLOCK", true},
                 {"LABELS", false, true}});
    for (const json::value& value : nodes) {
        const AnswerFields node(value);
        const auto offset = node.number("clock_offset_ms");
        table.add({{node.text("name")},
                   {node.text("http_address")},
                   {node.text("version")},
                   node_state(node),
                   {yes_or_nothing(node.flag("is_dispatcher"))},
                   {node.number_text("running")},
                   {node.number_text("slots")},
                   {node.number_text("held")},
                   {node.number_text("queued")},
                   {offset ? fmt::format("{:+} ms", *offset) : ""},
                   {labels_text(node)}});
    }
    return table.empty() ? "" : table.text(screen);
}

}  // namespace peercron
