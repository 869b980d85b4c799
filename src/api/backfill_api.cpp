#include "api/access_changes.hpp"
#include "api/await_answer.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "insight/backfill_plan.hpp"
#include "model/job_zone.hpp"
#include "store/backfill_store.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

constexpr std::size_t most_due = 100'000;  // of the time that is looked at
constexpr std::size_t most_counted = 1'000'000;
constexpr std::size_t shown_fires = 100;
constexpr std::size_t shown_backfills = 50;
constexpr std::size_t rows_per_read = 5000;

std::string_view word_of(BackfillOnly only)
{
    return backfill_only_words[static_cast<std::size_t>(only)];
}

/// What a call asks for.
/// @throws HttpError 400.
Backfill read_backfill(const ApiContext& context, const Call& call)
{
    const WallTime now = context.clock.now();
    Backfill backfill;
    backfill.job = parse_job_id("id", call.id);
    backfill.from = call.params.time("from").value();
    backfill.to = std::min(call.params.time("to").value_or(now), now);
    if (backfill.from >= backfill.to) {
        refuse("from: not before to, or not in the past; a backfill runs fires of the past");
    }
    const std::string only = call.params.text("only").value_or("missing");
    const auto word = parse_backfill_only(only);
    if (!word) {
        refuse(fmt::format("only: given {}; one of {} is allowed", quote_utf8(only),
                           fmt::join(backfill_only_words, ", ")));
    }
    backfill.only = *word;
    backfill.parallel = call.params.integer("parallel", 1, most_backfill_parallel).value_or(1);
    backfill.asked_by = to_string(call.caller);
    backfill.asked_at = now;
    return backfill;
}

/// @throws HttpError 400: there are too many.
void check_due(const BackfillPlan& plan)
{
    const std::size_t due = plan.count_due(most_counted);
    if (due <= most_due) return;
    refuse(
        fmt::format("from: {}{} fires were due from there to `to`; at most {} are looked at. "
                    "Give a shorter time",
                    due == most_counted ? "more than " : "", due, most_due));
}

/// The fires that it runs.
/// @throws HttpError 400, 404 or 409.
std::vector<WallTime> choose_fires(Store& store, const ApiContext& context, const Backfill& asked)
{
    const std::optional<Job> job = store.find_job(asked.job);
    if (!job) refuse_unknown_job(std::to_string(asked.job));
    if (may_have_parts(*job)) {
        throw HttpError(
            http::status::conflict,
            fmt::format("job {} {}, and no backfill runs all parts of a fire; "
                        "/run/again/ runs each of them once more",
                        asked.job, runs_at_every_node(*job) ? "runs at every node" : "has shards"));
    }
    if (job->kind == JobKind::daemon) {
        throw HttpError(http::status::conflict,
                        fmt::format("job {} is a daemon, which has no fires", asked.job));
    }
    const auto schedule =
        Schedule::make(job->cron_set, zone_name(*job, context.default_time_zone), job->id);
    PastQuery past;
    past.only = asked.job;
    past.from = asked.from;
    const std::vector<JobPast> pasts = store.find_pasts(past);
    const bool is_known = !pasts.empty() && pasts.front().whole;
    BackfillPlan plan(schedule ? std::optional(*schedule) : std::nullopt,
                      Window{job->start_time, job->end_time}, asked.from, asked.to, asked.only,
                      is_known ? pasts.front().revisions : std::vector<Revision>());
    check_due(plan);
    EntryQuery query;
    query.jobs = {asked.job};
    query.from = asked.from;
    query.to = asked.to;
    query.limit = rows_per_read;
    for (;;) {
        const std::vector<LedgerEntry> rows = store.find_entries(query);
        if (rows.empty()) break;
        for (const LedgerEntry& row : rows) plan.take(row);
        query.after = rows.back().id;
    }
    plan.finish();
    if (plan.fires().size() > most_backfill_fires) {
        refuse(
            fmt::format("from: {} fires would run; a backfill runs at most {}. Give a shorter "
                        "time",
                        plan.fires().size(), most_backfill_fires));
    }
    return plan.fires();
}

void write_backfill(JsonWriter& json, const BackfillProgress& progress)
{
    const Backfill& backfill = progress.backfill;
    const bool is_stored = backfill.id != 0;
    json.begin_object();
    json.field("id", is_stored ? std::optional(backfill.id) : std::nullopt);
    json.field("cron_id", backfill.job);
    json.field("from", to_unix_millis(backfill.from));
    json.field("to", to_unix_millis(backfill.to));
    json.field("only", word_of(backfill.only));
    json.field("parallel", backfill.parallel);
    json.field("asked_by", backfill.asked_by);
    json.field("asked_at", to_unix_millis(backfill.asked_at));
    json.field("state", is_stored ? backfill_state_words[static_cast<std::size_t>(backfill.state)]
                                  : std::string_view("dry run"));
    json.field("why", backfill.why);
    json.field("ended_at", backfill.ended_at ? std::optional(to_unix_millis(*backfill.ended_at))
                                             : std::nullopt);
    json.field("fires", progress.fires);
    json.field("begun", progress.begun);
    json.field("open", progress.open);
}

Response answer_with(const Backfill& backfill, const std::vector<WallTime>& fires)
{
    BackfillProgress progress;
    progress.backfill = backfill;
    progress.fires = std::ssize(fires);
    return answer([&](JsonWriter& json) {
        write_backfill(json, progress);
        json.key("first_fires");
        json.begin_array();
        const std::size_t shown = std::min(fires.size(), shown_fires);
        for (std::size_t i = 0; i < shown; ++i) json.value(to_unix_millis(fires[i]));
        json.end_array();
        json.end_object();
    });
}

/// So that it begins at once. The dispatcher finds it a little later in any case.
asio::awaitable<void> tell_dispatcher(const ApiContext& context)
{
    std::vector<JobId> none;
    const Result<void> told = co_await await_answer(context.announce(std::move(none)));
    if (!told) spdlog::debug("api: nobody was told of a backfill: {}", told.error().message);
}

asio::awaitable<Response> begin_backfill(const ApiContext& context, const Call& call)
{
    const Backfill asked = read_backfill(context, call);
    const bool is_dry = call.params.boolean("dry_run").value_or(false);
    std::vector<WallTime> fires;
    const auto work = [&](Store& store) {
        fires = choose_fires(store, context, asked);
        return is_dry || fires.empty() ? asked : store.backfills().add(asked, fires);
    };
    const Backfill backfill = co_await context.store.call(work);
    if (backfill.id != 0) {
        note_act(context, call.caller, "backfill begun",
                 fmt::format("{} of job {}: {} fires", backfill.id, backfill.job, fires.size()));
        context.tasks.spawn("announcement of a backfill", tell_dispatcher(context));
    }
    co_return answer_with(backfill, fires);
}

asio::awaitable<Response> stop_backfill(const ApiContext& context, const Call& call)
{
    const std::int64_t id = parse_row_id("id", call.id);
    const std::string who = to_string(call.caller);
    const WallTime now = context.clock.now();
    const auto work = [&](Store& store) {
        store.backfills().end(id, BackfillState::stopped, "by " + who, now);
        return store.backfills().find(id);
    };
    const std::optional<BackfillProgress> progress = co_await context.store.call(work);
    if (!progress) {
        throw HttpError(http::status::not_found, fmt::format("there is no backfill {}", call.id));
    }
    note_act(context, call.caller, "backfill stopped", std::to_string(id));
    co_return answer([&progress](JsonWriter& json) {
        write_backfill(json, *progress);
        json.end_object();
    });
}

asio::awaitable<Response> list_backfills(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const auto read = [id](Store& store) { return store.backfills().list(id, shown_backfills); };
    const std::vector<BackfillProgress> backfills = co_await context.store.call(read);
    co_return answer([&backfills](JsonWriter& json) {
        json.begin_array();
        for (const BackfillProgress& progress : backfills) {
            write_backfill(json, progress);
            json.end_object();
        }
        json.end_array();
    });
}

}  // namespace

void add_backfill_routes(Router& router, const ApiContext& context)
{
    using http::verb;
    router.add({
        .pattern = "/cron/backfill/{id}",
        .methods = {verb::post},
        .role = Role::operate,
        .scope = Scope::job,
        .mutates = true,
        .params = {{.name = "from", .type = ParamType::time, .required = true},
                   {.name = "to", .type = ParamType::time},
                   {.name = "only"},
                   {.name = "parallel", .type = ParamType::integer},
                   {.name = "dry_run", .type = ParamType::boolean}},
        .strictness = Strictness::strict,
        .handler = bind(context, begin_backfill),
    });
    router.add({
        .pattern = "/cron/backfill/stop/{id}",
        .methods = {verb::post},
        .role = Role::operate,
        .mutates = true,
        .handler = bind(context, stop_backfill),
    });
    router.add({
        .pattern = "/cron/{id}/backfills",
        .methods = {verb::get},
        .role = Role::read,
        .scope = Scope::job,
        .handler = bind(context, list_backfills),
    });
}

}  // namespace peercron
