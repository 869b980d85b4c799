#include "api/calendar_rules.hpp"
#include "api/insight_rows.hpp"
#include "api/job_book.hpp"
#include "api/job_rules.hpp"
#include "api/limits.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "insight/agenda.hpp"
#include "insight/badge.hpp"
#include "model/tags.hpp"
#include "model/unusual.hpp"
#include "store/pause_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;

// Of each list of the overview.
constexpr std::size_t most_shown = 100;

constexpr std::size_t most_cells = 10'000;

/// The rows of a page with small outputs: they are not shown.
constexpr std::size_t no_output = 1;

// Statistics.

/// From where on a run is unusual; null: no run is, or too little is known.
void write_limits(JsonWriter& json, JobKind kind, const RunLimits& limits,
                  const JobStatistics& past)
{
    const UsualRun usual = kind == JobKind::daemon ? UsualRun() : usual_run_of(past);
    const std::chrono::milliseconds slow_after = limits.slow_after;
    field_duration(json, "slow_after",
                   slow_after > 0s ? std::optional(slow_after) : usual.time.slow_after);
    field_duration(json, "fast_before", usual.time.fast_before);
    json.field("most_output", usual.most_output);
    json.field("most_memory", usual.most_memory);
    json.field("writes", usual.writes);
}

asio::awaitable<Response> show_statistics(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    std::optional<JobInsight> insight;
    const auto find = [id, &insight](Store& store) {
        std::optional<Job> job = store.find_job(id);
        if (job) insight = store.find_insights({&id, 1}).front();
        return job;
    };
    const std::optional<Job> job = co_await context.store.call(find);
    if (!job) refuse_unknown_job(call.id);
    const WallTime now = context.clock.now();
    const RunLimits limits = run_limits(context.inherited, *job);
    const auto write = [&](JsonWriter& json) {
        const JobStatistics& past = insight->statistics;
        json.begin_object();
        json.field("cron_id", id);
        json.field("runs", past.runs());
        json.field("successes", past.successes());
        json.key("success_percent");
        if (past.runs() > 0) {
            json.value(std::min<std::int64_t>(100 * past.successes() / past.runs(), 100));
        } else {
            json.null();
        }
        json.field("late_p50", past.lateness().quantile(0.5));
        json.field("usual_output", past.output().quantile(0.5));
        json.field("usual_memory", past.memory().quantile(0.5));
        write_limits(json, job->kind, limits, past);
        json.key("late_goal");
        if (limits.late_goal.count() > 0) {
            json.value(std::int64_t{limits.late_goal.count()});
        } else {
            json.null();
        }
        write_past(json, limits, *insight, Strip::shown, now);
        json.end_object();
    };
    co_return answer(write);
}

// Histograms.

/// By their beginning (Unix seconds) and node; the node is empty unless cells are by node.
using Cells = std::map<std::pair<std::int64_t, NodeName>, RunTally>;

std::int64_t cell_of(std::int64_t time, std::int64_t step)
{
    return time - time % step;
}

void write_cells(JsonWriter& json, std::int64_t from, std::int64_t to, std::int64_t step,
                 const Cells& cells, bool by_node)
{
    json.field("from", from * 1000);
    json.field("to", to * 1000);
    json.field("step", step * 1000);
    json.key("cells");
    json.begin_array();
    for (const auto& [key, tally] : cells) {
        json.begin_object();
        json.field("at", key.first * 1000);
        if (by_node) json.field("run_server", key.second);
        write_tally_fields(json, tally);
        json.end_object();
    }
    json.end_array();
}

Cells read_cells(Store& store, std::int64_t from, std::int64_t to, std::int64_t step, bool by_node)
{
    Cells cells;
    const sys_seconds begin{std::chrono::seconds(from)};
    const sys_seconds end{std::chrono::seconds(to)};
    for (const TallyRow& row : store.find_tallies(begin, end)) {
        const std::int64_t at = cell_of(row.at.time_since_epoch().count(), step);
        cells[{at, by_node ? row.run_server : NodeName()}].merge(row.tally);
    }
    return cells;
}

/// Of some hundred jobs at most, from their rows.
/// @param rows how many have been read.
void add_cells_of(Store& store, EntryQuery query, std::int64_t step, std::size_t& rows,
                  Cells& cells)
{
    constexpr std::size_t most_rows = 200'000;
    for (;;) {
        const std::vector<LedgerEntry> entries = store.find_entries(query);
        if (entries.empty()) return;
        rows += entries.size();
        if (rows > most_rows) {
            refuse(
                fmt::format("to: there are more than {} rows in this time; a shorter one is "
                            "allowed",
                            most_rows));
        }
        for (const LedgerEntry& entry : entries) {
            const auto outcome = outcome_of(entry.state, entry.reason.cause);
            if (!outcome || entry.rehearsal) continue;
            EndedRun run;
            run.scheduled_at = entry.id.scheduled_at;
            run.attempt = entry.id.attempt;
            run.part = entry.id.part;
            run.parts = entry.id.parts;
            run.outcome = *outcome;
            run.started_at = entry.started_at;
            run.fires = entry.fires;
            run.retry_at = entry.retry_at;
            run.of_backfill = entry.of_backfill;
            cells[{cell_of(to_unix_seconds(run.scheduled_at), step), NodeName()}].add(run);
        }
        query.after = entries.back().id;
    }
}

/// @param jobs ascending.
Cells read_cells_of_jobs(Store& store, std::span<const JobId> jobs, std::int64_t from,
                         std::int64_t to, std::int64_t step)
{
    constexpr std::size_t at_once = 200;
    Cells cells;
    std::size_t rows = 0;
    while (!jobs.empty()) {
        const auto some = jobs.first(std::min(at_once, jobs.size()));
        jobs = jobs.subspan(some.size());
        EntryQuery query;
        query.jobs.assign(some.begin(), some.end());
        query.from = from_unix_seconds(from);
        query.to = from_unix_seconds(to);
        add_cells_of(store, std::move(query), step, rows, cells);
    }
    return cells;
}

/// Those with the tag that the caller sees, ascending.
asio::awaitable<std::vector<JobId>> jobs_with_tag(JobBook& book, const Caller& caller,
                                                  const std::string& tag)
{
    const auto read = [&](Store&, const BookedJobs& jobs) {
        std::vector<JobId> ids;
        for (const auto& [id, job] : jobs) {
            if (has_tag(job.tags, tag) && is_within(caller.tags, job.tags)) ids.push_back(id);
        }
        return ids;
    };
    co_return co_await book.read(read);
}

asio::awaitable<Response> show_histogram(const ApiContext& context, JobBook& book, const Call& call)
{
    const std::int64_t length = RunTally::length.count();
    const auto given_job = call.params.text("cron_id");
    const JobId job = given_job ? parse_job_id("cron_id", *given_job) : 0;
    const std::int64_t step = call.params.integer("step", length, 31 * 86'400).value_or(length);
    if (step % length != 0) {
        refuse(fmt::format("step: given {}; a multiple of {} is allowed", step, length));
    }
    const WallTime now = context.clock.now();
    const auto given_from = call.params.time("from");
    const auto given_to = call.params.time("to");
    const WallTime end = given_from && *given_from >= now ? *given_from + 24h : now;
    const std::int64_t to = to_unix_seconds(given_to.value_or(end));
    const std::int64_t from = to_unix_seconds(given_from.value_or(from_unix_seconds(to) - 24h));
    if (from >= to) refuse("to: it must be later than from");
    const auto by = call.params.text("by");
    if (by && *by != "node") refuse(fmt::format("by: given {}; node is allowed", quote_utf8(*by)));
    const auto tag = call.params.text("tag");
    if (by && given_job) refuse("by: not together with cron_id");
    if (tag && (by || given_job)) refuse("tag: not together with by or cron_id");
    const std::int64_t first = cell_of(from, step);
    if (call.caller.is_limited() && !tag) {
        if (!given_job) refuse_all_jobs(call.caller);
        Route about_job;
        about_job.scope = Scope::job;
        co_await keep_to_jobs(context, about_job, call.caller, *given_job);
    }
    std::vector<JobId> jobs{job};
    if (tag) jobs = co_await jobs_with_tag(book, call.caller, *tag);
    const auto read = [&](Store& store) {
        if (given_job || tag) return read_cells_of_jobs(store, jobs, first, to, step);
        return read_cells(store, cell_of(from, length), to, step, by.has_value());
    };
    const Cells cells = co_await context.store.call(read);
    if (cells.size() > most_cells) {
        refuse(
            fmt::format("step: given {}, which makes {} cells; a step is allowed that makes at "
                        "most {}",
                        step, cells.size(), most_cells));
    }
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        write_cells(json, first, to, step, cells, by.has_value());
        json.end_object();
    };
    co_return answer(write);
}

// The overview.

/// What is known of why a job fails.
struct Failure {
    std::optional<LogRow> run;         ///< the newest that did not succeed
    std::optional<WallTime> retry_at;  ///< when the first further attempt starts that waits
};

void wait_for(Failure& failure, WallTime retry)
{
    failure.retry_at = std::min(failure.retry_at.value_or(retry), retry);
}

bool is_waiting_attempt(const LogRow& row)
{
    return row.run.state == RunState::planned && row.run.id.attempt > 1 && row.retry_at &&
           !row.run.rehearsal;
}

struct Overview {
    WallTime at{};
    StateCounts counts;
    std::vector<Job> failing;
    std::vector<JobInsight> of_failing;
    std::vector<Failure> failures;  ///< of each
    std::vector<LogRow> missed;
    std::vector<LogRow> running;
    std::map<JobId, JobStatistics> of_running;
    std::map<JobId, std::chrono::seconds> slow_after;  ///< of those
    std::map<JobId, std::string> names;
    std::vector<AgendaFire> next;
    FiresByMinute next_minutes;
    std::map<JobId, std::optional<std::chrono::milliseconds>> usual;
    std::int64_t from = 0;
    Cells cells;
    std::vector<BegunTerm> terms;
    std::vector<Pause> pauses;  ///< that are not over
};

/// Parts of the fire of the run may have succeeded after it.
Failure newest_failure(Store& store, const Job& job, WallTime before)
{
    Failure failure;
    // Behind what is planned ahead, and attempts that wait.
    std::int32_t parts = parts_of(job);
    if (runs_at_every_node(job)) {
        // A fire that was skipped as a whole is one row.
        constexpr std::size_t newest = 8;
        for (const LogRow& row : store.job_rows_before(job.id, before, newest)) {
            parts = std::max(parts, row.run.id.parts);
        }
    }
    const std::size_t some = 4 + 4 * static_cast<std::size_t>(parts);
    for (LogRow& row : store.job_rows_before(job.id, before, some)) {
        if (is_waiting_attempt(row)) wait_for(failure, *row.retry_at);
        const bool has_failed = has_run(row.run.state) && row.run.state != RunState::success;
        if (has_failed && !row.run.rehearsal && !failure.run) failure.run = std::move(row);
    }
    return failure;
}

/// Finds further attempts that wait, of fires that are older than those of newest_failure(): a job
/// that has no schedule may have any number of them. They are found by their state, which few rows
/// have; of very many that are planned only the oldest are read.
void read_old_retries(Store& store, Overview& seen)
{
    constexpr std::size_t most_rows = 2000;
    std::map<JobId, Failure*> wanted;
    for (std::size_t i = 0; i < seen.failing.size(); ++i) {
        if (seen.failing[i].retries > 0) wanted.emplace(seen.failing[i].id, &seen.failures[i]);
    }
    if (wanted.empty()) return;
    LogFilter filter;
    filter.state = RunState::planned;
    filter.after_id = 0;
    for (const LogRow& row : store.log_page(filter, {0, most_rows}, {}, no_output)) {
        const auto found = wanted.find(row.run.id.job);
        if (found == wanted.end() || !is_waiting_attempt(row)) continue;
        wait_for(*found->second, *row.retry_at);
    }
}

void read_failing(Store& store, Overview& seen)
{
    JobFilter filter;
    filter.state = JobState::failing;
    filter.order = JobOrder::last_run_at;
    filter.descending = true;
    seen.failing = store.job_page(filter, {0, most_shown}, {});
    std::vector<JobId> ids;
    for (const Job& job : seen.failing) ids.push_back(job.id);
    seen.of_failing = store.find_insights(ids);
    for (const Job& job : seen.failing) {
        seen.failures.push_back(newest_failure(store, job, seen.at + 1h));
    }
    read_old_retries(store, seen);
}

/// Only from where the tallies say that there are some: the ledger may be long.
void read_missed(Store& store, Overview& seen)
{
    LogFilter filter;
    filter.missed = true;
    for (const auto& [key, tally] : seen.cells) {
        if (tally.of(Outcome::missed) + tally.of(Outcome::lost) <= 0) continue;
        const WallTime begin = from_unix_seconds(key.first);
        if (!filter.from) filter.from = begin;
        filter.to = begin + RunTally::length;
    }
    if (filter.from) seen.missed = store.log_page(filter, {0, most_shown}, {}, no_output);
}

void read_running(Store& store, const NoticeDefaults& inherited, Overview& seen)
{
    LogFilter filter;
    filter.state = RunState::running;
    seen.running = store.log_page(filter, {0, most_shown}, {}, no_output);
    std::ranges::sort(seen.running, {}, [](const LogRow& row) {
        return row.run.started_at.value_or(WallTime::max());
    });
    std::set<JobId> jobs;
    for (const LogRow& row : seen.running) jobs.insert(row.run.id.job);
    const std::vector<JobId> ids(jobs.begin(), jobs.end());
    for (JobInsight& insight : store.find_insights(ids)) {
        seen.of_running.emplace(insight.job, std::move(insight.statistics));
    }
    for (const Job& job : store.find_jobs_by_id(ids)) {
        seen.slow_after.emplace(job.id, run_limits(inherited, job).slow_after);
    }
}

void look_ahead(const BookedJobs& jobs, Overview& seen)
{
    const auto now = std::chrono::ceil<std::chrono::seconds>(seen.at);
    const sys_seconds end = now + 1h;
    const std::vector<AgendaJob> all = agenda_jobs(jobs, Pauses(seen.pauses), now);
    seen.next = first_fires(all, now, end, most_shown);
    seen.next_minutes = fires_by_minute(all, now, end);
    for (const AgendaFire& fire : seen.next) seen.usual[fire.job] = jobs.at(fire.job).usual_time;
}

void find_names(const BookedJobs& jobs, Overview& seen)
{
    const auto note = [&](JobId id) {
        const auto job = jobs.find(id);
        if (job != jobs.end()) seen.names.emplace(id, job->second.name);
    };
    for (const LogRow& row : seen.missed) note(row.run.id.job);
    for (const LogRow& row : seen.running) note(row.run.id.job);
    for (const AgendaFire& fire : seen.next) note(fire.job);
}

Overview look(Store& store, const BookedJobs& jobs, const NoticeDefaults& inherited, WallTime now)
{
    constexpr std::size_t most_terms = 100;
    Overview seen;
    seen.at = now;
    seen.counts = store.count_states();
    const std::int64_t length = RunTally::length.count();
    seen.from = cell_of(to_unix_seconds(now - 24h), length) + length;
    seen.cells = read_cells(store, seen.from, to_unix_seconds(now) + 1, length, false);
    seen.terms = store.terms_since(now - 24h, most_terms);
    seen.pauses = store.pauses().pauses_after(now);
    read_failing(store, seen);
    read_missed(store, seen);
    read_running(store, inherited, seen);
    look_ahead(jobs, seen);
    find_names(jobs, seen);
    return seen;
}

std::string_view name_of(const Overview& seen, JobId job)
{
    const auto found = seen.names.find(job);
    return found == seen.names.end() ? std::string_view() : std::string_view(found->second);
}

void write_counts(JsonWriter& json, const StateCounts& counts)
{
    json.key("jobs");
    json.begin_object();
    json.field("total", counts.total);
    json.field("enabled", counts.total - counts.stopped);
    json.field("stopped", counts.stopped);
    json.field("failing", counts.failing);
    json.field("missed", counts.missed);
    json.field("running", counts.running);
    json.field("ok", counts.ok);
    json.field("new", counts.fresh);
    json.end_object();
}

void write_failing(JsonWriter& json, const Overview& seen, const JobView& view)
{
    json.key("failing");
    json.begin_array();
    for (std::size_t i = 0; i < seen.failing.size(); ++i) {
        const Job& job = seen.failing[i];
        const JobStatistics& past = seen.of_failing[i].statistics;
        const auto last = past.last_outcome();
        json.begin_object();
        json.field("cron_id", job.id);
        json.field("name", job.name);
        json.field("last_state", last ? std::optional(to_string(*last)) : std::nullopt);
        json.field("failures_in_row", past.failures_in_row());
        field_millis(json, "failing_since", past.failing_since());
        field_millis(json, "last_success_at", past.last_success_at());
        field_millis(
            json, "next_run_at",
            schedule_facts(job, view.default_time_zone, view.now, view.pauses, view.calendars)
                .next);
        field_millis(json, "retry_at", seen.failures[i].retry_at);
        json.key("run");
        write_brief(json, seen.failures[i].run);
        json.end_object();
    }
    json.end_array();
}

void write_running(JsonWriter& json, const Overview& seen)
{
    json.key("running");
    json.begin_array();
    for (const LogRow& row : seen.running) {
        const auto past = seen.of_running.find(row.run.id.job);
        const JobStatistics statistics =
            past == seen.of_running.end() ? JobStatistics() : past->second;
        const auto limit = seen.slow_after.find(row.run.id.job);
        const auto slow_after = limit == seen.slow_after.end() ? 0s : limit->second;
        json.begin_object();
        write_brief_fields(json, row);
        json.field("name", name_of(seen, row.run.id.job));
        field_duration(json, "elapsed", elapsed(row, seen.at));
        field_duration(json, "usual_time", statistics.usual_time());
        field_duration(json, "usual_p95", statistics.usual_p95());
        json.field("slow", is_slow(row, slow_after, statistics, seen.at));
        json.end_object();
    }
    json.end_array();
}

void write_overview(JsonWriter& json, const Overview& seen, const JobView& view)
{
    json.begin_object();
    field_millis(json, "at", seen.at);
    write_counts(json, seen.counts);
    write_failing(json, seen, view);
    json.key("missed");
    json.begin_array();
    for (const LogRow& row : seen.missed) {
        json.begin_object();
        write_brief_fields(json, row);
        json.field("name", name_of(seen, row.run.id.job));
        json.end_object();
    }
    json.end_array();
    write_running(json, seen);
    json.key("next");
    json.begin_array();
    for (const AgendaFire& fire : seen.next) {
        json.begin_object();
        json.field("cron_id", fire.job);
        json.field("name", name_of(seen, fire.job));
        field_millis(json, "at", fire.at);
        field_duration(json, "usual_time", seen.usual.at(fire.job));
        json.end_object();
    }
    json.end_array();
    const FiresByMinute& by_minute = seen.next_minutes;
    json.field("next_total",
               std::accumulate(by_minute.fires.begin(), by_minute.fires.end(), std::int64_t{0}));
    json.key("next_minutes");
    json.begin_object();
    field_millis(json, "from", by_minute.from);
    json.key("fires");
    json.begin_array();
    for (const std::int64_t fires : by_minute.fires) json.value(fires);
    json.end_array();
    json.end_object();
    json.key("pauses");
    write_pauses(json, seen.pauses, seen.at);
    json.key("strip");
    json.begin_object();
    write_cells(json, seen.from, to_unix_seconds(seen.at), RunTally::length.count(), seen.cells,
                false);
    json.end_object();
    json.key("dispatchers");
    json.begin_array();
    for (const BegunTerm& term : seen.terms) {
        json.begin_object();
        field_millis(json, "at", term.at);
        json.field("node", term.dispatcher);
        json.field("epoch", term.epoch);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

asio::awaitable<Response> show_overview(const ApiContext& context, JobBook& book, const Call&)
{
    // What it reads is bounded: some hundred rows without their outputs.
    constexpr std::size_t most_bytes = 4 * most_shown * 4096;
    Budget::Share share = co_await context.budget.take(most_bytes);
    JobView view{context.default_time_zone, context.inherited, context.clock.now()};
    const auto read = [&view](Store& store, const BookedJobs& jobs) {
        const Overview seen = look(store, jobs, view.inherited, view.now);
        view.pauses = Pauses(seen.pauses);
        view.calendars = read_calendars(store, seen.failing, view.now);
        return answer([&](JsonWriter& json) { write_overview(json, seen, view); });
    };
    Response response = co_await book.read(read);
    share.resize(response.body.size());
    response.share = std::move(share);
    co_return response;
}

// Tags.

asio::awaitable<Response> list_tags(JobBook& book, const Call& call)
{
    struct OfTag {
        std::int64_t jobs = 0;
        std::int64_t stopped = 0;
    };
    const std::vector<std::string>& visible = call.caller.tags;
    const auto read = [&visible](Store&, const BookedJobs& jobs) {
        std::map<std::string, OfTag> tags;
        for (const auto& [id, job] : jobs) {
            if (!is_within(visible, job.tags)) continue;
            for (const std::string& tag : job.tags) {
                OfTag& of = tags[tag];
                ++of.jobs;
                if (job.stop) ++of.stopped;
            }
        }
        return tags;
    };
    const std::map<std::string, OfTag> tags = co_await book.read(read);
    const auto write = [&tags](JsonWriter& json) {
        json.begin_array();
        for (const auto& [name, of] : tags) {
            json.begin_object();
            json.field("name", name);
            json.field("jobs", of.jobs);
            json.field("stopped", of.stopped);
            json.end_object();
        }
        json.end_array();
    };
    co_return answer(write);
}

// The badge.

struct BadgeText {
    std::string_view word;
    std::string_view colour;  ///< Okabe and Ito's
};

BadgeText badge_of(const Job& job, const JobStatistics& past)
{
    if (job.stop) return {"stopped", "#777"};
    const auto last = past.last_outcome();
    if (!last) return {"new", "#777"};
    if (is_failure(*last)) return {to_string(*last), "#b34700"};
    if (is_missed(*last)) return {to_string(*last), "#a8407a"};
    return {"ok", "#00734f"};
}

/// "12.svg" or "backup.svg".
asio::awaitable<Response> show_badge(const ApiContext& context, const Call& call)
{
    constexpr std::string_view suffix = ".svg";
    std::string_view which = call.id;
    if (!which.ends_with(suffix)) {
        throw HttpError(http::status::not_found,
                        "a badge is at /badge/JOB.svg, where JOB is the name or the id of a job");
    }
    which.remove_suffix(suffix.size());
    const bool is_id = !which.empty() && which.find_first_not_of("0123456789") == which.npos;
    const auto read = [&](Store& store) -> std::optional<std::string> {
        const auto job = is_id ? store.find_job(parse_job_id("id", which))
                               : store.find_job_by_name(std::string(which));
        if (!job || which.empty() || !is_within(call.caller.tags, *job)) return std::nullopt;
        const JobInsight insight = store.find_insights({&job->id, 1}).front();
        const BadgeText text = badge_of(*job, insight.statistics);
        const std::string name = job->name.empty() ? fmt::format("job {}", job->id) : job->name;
        return badge(name, text.word, text.colour);
    };
    std::optional<std::string> picture = co_await context.store.call(read);
    if (!picture) refuse_unknown_job(which);
    Response response;
    response.content_type = "image/svg+xml";
    response.headers.emplace_back(http::field::cache_control, "no-cache");
    response.body = *std::move(picture);
    co_return response;
}

}  // namespace

void add_insight_routes(Router& router, const ApiContext& context,
                        const std::shared_ptr<JobBook>& book)
{
    using http::verb;
    router.add({
        .pattern = "/overview",
        .methods = {verb::get},
        .role = Role::read,
        .handler = [&context,
                    book](const Call& call) { return show_overview(context, *book, call); },
    });
    router.add({
        .pattern = "/cron/{id}/stats",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::job,
        .handler = bind(context, show_statistics),
    });
    router.add({
        .pattern = "/badge/{id}",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::filtered,
        .handler = bind(context, show_badge),
    });
    router.add({
        .pattern = "/log/histogram",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::filtered,
        .params = {{.name = "from", .type = ParamType::time},
                   {.name = "to", .type = ParamType::time},
                   {.name = "step", .type = ParamType::integer},
                   {.name = "cron_id", .type = ParamType::integer},
                   {.name = "tag"},
                   {.name = "by"}},
        .handler = [&context,
                    book](const Call& call) { return show_histogram(context, *book, call); },
    });
    router.add({
        .pattern = "/cron/tags",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::filtered,
        .handler = [book](const Call& call) { return list_tags(*book, call); },
    });
}

}  // namespace peercron
