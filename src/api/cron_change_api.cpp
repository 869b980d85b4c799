#include "api/access_changes.hpp"
#include "api/await_answer.hpp"
#include "api/calendar_rules.hpp"
#include "api/chain_rules.hpp"
#include "api/change_call.hpp"
#include "api/confirm_change.hpp"
#include "api/job_rules.hpp"
#include "api/limits.hpp"
#include "api/lock_rules.hpp"
#include "api/pause_calls.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "api/where_view.hpp"
#include "base/counted.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/job_fields.hpp"
#include "model/notice_channel.hpp"
#include "store/notice_store.hpp"
#include "store/pause_store.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

constexpr std::size_t jobs_per_delete = 1000;

/// @param of_locks see lock_warning().
std::vector<std::string> warnings_of(const ApiContext& context, const Job& job,
                                     const std::optional<std::string>& of_locks)
{
    std::vector<std::string> warnings =
        where_warnings(job, context.coordinator.members(), context.loads());
    if (of_locks) warnings.push_back(*of_locks);
    return warnings;
}

/// What an answer to a change shows the job by. The change itself reads its calendars, and those
/// pauses that may be newer than what this node has heard.
JobView view_after_change(const ApiContext& context)
{
    JobView view{context.default_time_zone, context.inherited, context.clock.now()};
    view.pauses = context.pauses();
    return view;
}

/// The store has the change: logs it, tells the dispatcher, and answers with the job.
/// @param done what was done, "stopped".
/// @param view see view_after_change().
/// @param warnings what the caller should know of the job as it is now.
asio::awaitable<Response> finish(const ApiContext& context, const Caller& caller, const Job& job,
                                 std::string_view done, JobView view,
                                 std::vector<std::string> warnings = {})
{
    spdlog::info("http: {} at {} {} job {} (cronSet {})", quote_utf8(caller.name), caller.address,
                 done, job.id, quote_utf8(job.cron_set));
    std::vector<JobId> ids(1, job.id);
    std::string what = fmt::format("job {} was {} and this is stored", job.id, done);
    co_await confirm_change(context, std::move(ids), std::move(what));
    view.now = context.clock.now();
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        write_job_fields(json, job, view);
        if (!warnings.empty()) write_texts(json, "warnings", warnings);
        json.end_object();
    };
    co_return answer(write);
}

/// What makes `job` the same as `draft`. Whether it is stopped is only changed when it was given: a
/// job that somebody stopped must not start because its definition is written again.
JobPatch difference(const Job& job, const Job& draft, const JobPatch& given)
{
    FieldSet changed = differences(job, draft);
    if (!given.has(&Job::stop)) changed.reset(place_of(&Job::stop));
    return patch_of(draft, changed);
}

/// Counts from `now` when the job is to run once, at a moment that was given or counted from `now`:
/// that must not have passed when the database is slow to take the job.
Edit edit_by(const ApiContext& context, const Call& call, WallTime now)
{
    const bool is_once = call.params.text("at") || call.params.text("after");
    return is_once ? Edit(now, author_of(call)) : edit_by(context, call);
}

struct AddedJob {
    Job job;
    std::string_view done;
};

[[noreturn]] void refuse_more_jobs(std::size_t max_jobs)
{
    throw HttpError(http::status::conflict,
                    fmt::format("there are {} jobs, and the configuration (dispatch.max_jobs) "
                                "allows no more",
                                max_jobs));
}

/// @throws HttpError 400: what `patch` says of the command of `job` can run nowhere.
void check_command(const ApiContext& context, const Job& job, const JobPatch& patch)
{
    const auto is_of_command = [](const JobField* field) {
        return field->for_node || field->member == FieldMember(&Job::command);
    };
    if (std::ranges::none_of(fields_of(patch.given), is_of_command)) return;
    if (const auto why = context.refusal(job)) refuse(*why);
}

/// @throws HttpError 400: the job would tell a channel that is not there, and so nobody.
void check_channels(Store& store, const JobPatch& patch)
{
    if (!patch.has(&Job::notify)) return;
    std::vector<std::string> unknown = patch.values.notify;
    std::erase(unknown, no_channel);
    if (unknown.empty()) return;
    std::vector<std::string> known;
    for (NoticeChannel& channel : store.notices().channels()) {
        std::erase(unknown, channel.name);
        known.push_back(std::move(channel.name));
    }
    if (unknown.empty()) return;
    refuse(fmt::format("notify: given {}, and there is no such channel; {}",
                       quote_utf8(unknown.front()),
                       known.empty() ? std::string("there are none yet: /channel/add adds them")
                                     : fmt::format("there are {}", fmt::join(known, ", "))));
}

/// Takes no more jobs than context.max_jobs, as far as this node knows how many there are.
/// @param draft what comes of `given` for a new job.
AddedJob add_or_replace(Store& store, const ApiContext& context, std::size_t jobs_known,
                        const JobPatch& given, const Job& draft, bool replace, const Edit& edit,
                        const Caller& caller)
{
    // Twice, because another call may add or delete the name in between.
    for (int tries = 0; replace && tries < 2; ++tries) {
        const auto there = store.find_job_by_name(draft.name);
        if (there && is_within(caller.tags, *there)) {
            const JobPatch patch = difference(*there, draft, given);
            if (patch.given.none()) return {*there, "left unchanged"};
            check_chain(store, draft, &*there, patch, context.default_time_zone, caller.tags);
            if (const auto job = store.update_job(there->id, patch, edit))
                return {*job, "replaced"};
        }
        if (jobs_known >= context.max_jobs) refuse_more_jobs(context.max_jobs);
        check_chain(store, draft, nullptr, given, context.default_time_zone, caller.tags);
        try {
            return {store.add_job(draft, edit), "added"};
        } catch (const NameTaken&) {
            continue;
        }
    }
    if (jobs_known >= context.max_jobs) refuse_more_jobs(context.max_jobs);
    check_chain(store, draft, nullptr, given, context.default_time_zone, caller.tags);
    return {store.add_job(draft, edit), "added"};
}

asio::awaitable<Response> add_job(const ApiContext& context, const Call& call)
{
    const WallTime now = context.clock.now();
    JobPatch given = read_job_patch(call.params, now);
    imply_kind(given);
    if (given.values.kind != JobKind::http && !given.has(&Job::command)) {
        refuse("command: missing; a job needs it, or an http_url");
    }
    if (has_schedule(given.values) && !given.has(&Job::cron_set))
        refuse("cronSet: missing (or one of at, after, every; or run_after)");
    const Job draft = apply(Job(), given);
    refuse_out_of_reach(call.caller, draft);
    check_whole(draft, given, context.default_time_zone);
    const bool replace = call.params.boolean("replace").value_or(false);
    if (replace && draft.name.empty()) {
        refuse("replace: given without a name; give the name of the job to replace");
    }
    const std::size_t known = context.jobs_known();
    const Edit edit = edit_by(context, call, now);
    JobView view = view_after_change(context);
    std::optional<std::string> of_locks;
    const auto add = [&](Store& store) {
        check_command(context, draft, given);
        check_channels(store, given);
        check_locks(store, draft, given);
        of_locks = lock_warning(store, draft);
        check_calendar(store, draft, given, context.default_time_zone, now);
        view.calendars = read_calendars(store, std::span(&draft, 1), now);
        return add_or_replace(store, context, known, given, draft, replace, edit, call.caller);
    };
    const auto [job, done] = co_await context.store.call(add);
    std::vector<std::string> warnings = warnings_of(context, job, of_locks);
    co_return co_await finish(context, call.caller, job, done, std::move(view),
                              std::move(warnings));
}

/// Deletes all jobs, some at a time, so that no change of many rows stands in the way of others.
asio::awaitable<Response> clear_jobs(const ApiContext& context, const Call& call)
{
    const auto confirmed =
        call.params.integer("confirm", 0, std::numeric_limits<std::int64_t>::max());
    const auto read = [](Store& store) { return store.job_ids(); };
    const std::vector<JobId> ids = co_await context.store.call(read);
    if (std::ssize(ids) != confirmed) {
        throw HttpError(http::status::conflict,
                        fmt::format("confirm: given {}, but there are {} jobs; nothing was deleted",
                                    confirmed.value_or(0), ids.size()));
    }
    spdlog::warn("http: {} deletes all jobs, {} in number", to_string(call.caller), ids.size());
    std::int64_t deleted = 0;
    std::string unconfirmed;
    for (std::span<const JobId> rest = ids; !rest.empty();) {
        const auto some = rest.first(std::min(rest.size(), jobs_per_delete));
        rest = rest.subspan(some.size());
        const Edit edit = edit_by(context, call);
        const auto remove = [some, &edit](Store& store) { return store.delete_jobs(some, edit); };
        deleted += co_await context.store.call(remove);
        std::vector<JobId> gone(some.begin(), some.end());
        const Result<void> told = co_await await_answer(context.announce(std::move(gone)));
        if (told.has_error()) unconfirmed = told.error().message;
    }
    if (!unconfirmed.empty()) {
        throw_unconfirmed(counted(deleted, "job was", "jobs were") + " deleted", unconfirmed);
    }
    const auto write = [deleted](JsonWriter& json) {
        json.begin_object();
        json.field("deleted", deleted);
        json.end_object();
    };
    co_return answer(write);
}

asio::awaitable<Response> update_job(const ApiContext& context, const Call& call)
{
    const std::string given_id = call.params.text("id").value_or("");
    const JobId id = parse_job_id("id", given_id);
    const WallTime now = context.clock.now();
    const JobPatch patch = read_job_patch(call.params, now);
    const std::size_t others = call.params.text("reason") ? 2 : 1;
    if (call.params.size() == others) {
        refuse("nothing to change: no field of the job was given; /openapi.json lists the fields");
    }
    const Edit edit = edit_by(context, call, now);
    JobView view = view_after_change(context);
    std::optional<std::string> of_locks;
    const auto update = [&](Store& store) -> std::optional<Job> {
        const std::optional<Job> job = store.find_job(id);
        if (!job || !is_within(call.caller.tags, *job)) return std::nullopt;
        const Job changed = apply(*job, patch);
        refuse_out_of_reach(call.caller, changed);
        check_whole(changed, patch, context.default_time_zone);
        check_chain(store, changed, &*job, patch, context.default_time_zone, call.caller.tags);
        check_command(context, changed, patch);
        check_channels(store, patch);
        check_locks(store, changed, patch);
        of_locks = lock_warning(store, changed);
        check_calendar(store, changed, patch, context.default_time_zone, now);
        view.calendars = read_calendars(store, std::span(&changed, 1), now);
        return store.update_job(id, patch, edit);
    };
    const std::optional<Job> job = co_await context.store.call(update);
    if (!job) refuse_unknown_job(given_id);
    std::vector<std::string> warnings = warnings_of(context, *job, of_locks);
    co_return co_await finish(context, call.caller, *job, "updated", std::move(view),
                              std::move(warnings));
}

/// A job that stands as wanted already is not written again, but the dispatcher is told all the
/// same: the call may be the second try of one that nobody had confirmed.
std::optional<Job> set_stop(Store& store, JobId id, bool stop, const Edit& edit)
{
    std::optional<Job> job = store.find_job(id);
    if (!job || job->stop == stop) return job;
    JobPatch patch;
    patch.set(&Job::stop, stop);
    return store.update_job(id, patch, edit);
}

/// The pauses and calendars by which the job fires after a change of either.
void read_around(Store& store, const Job& job, JobView& view)
{
    view.pauses = Pauses(store.pauses().pauses_after(view.now));
    view.calendars = read_calendars(store, std::span(&job, 1), view.now);
}

/// With `until` it is a pause, which ends by itself.
asio::awaitable<Response> stop_job(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const bool is_pause = call.params.time("until").has_value();
    const Edit edit = edit_by(context, call);
    Pause pause;
    if (is_pause) pause = read_pause(call, std::nullopt, context.clock.now());
    pause.job = id;
    JobView view = view_after_change(context);
    const auto change = [&](Store& store) {
        std::optional<Job> job = is_pause ? store.find_job(id) : set_stop(store, id, true, edit);
        if (!job || !is_pause) return job;
        pause = add_pause(store, pause, context.clock);
        read_around(store, *job, view);
        return job;
    };
    const std::optional<Job> job = co_await context.store.call(change);
    if (!job) refuse_unknown_job(call.id);
    if (is_pause) note_act(context, call.caller, "paused", in_short(pause));
    const std::string_view done = is_pause ? "paused" : "stopped";
    co_return co_await finish(context, call.caller, *job, done, std::move(view));
}

/// It ends the job's own pauses, too; those of its tags and of all jobs stay.
asio::awaitable<Response> start_job(const ApiContext& context, const Call& call)
{
    PauseChoice choice;
    choice.job = parse_job_id("id", call.id);
    const Edit edit = edit_by(context, call);
    JobView view = view_after_change(context);
    std::vector<Pause> ended;
    std::optional<std::string> of_locks;
    const auto change = [&](Store& store) {
        std::optional<Job> job = set_stop(store, choice.job, false, edit);
        if (job) ended = store.pauses().end_pauses(choice, context.clock.now(), edit.by.who);
        if (job) read_around(store, *job, view);
        if (job) of_locks = lock_warning(store, *job);
        return job;
    };
    const std::optional<Job> job = co_await context.store.call(change);
    if (!job) refuse_unknown_job(call.id);
    for (const Pause& pause : ended) {
        note_act(context, call.caller, "pause ended", in_short(pause));
    }
    std::vector<std::string> warnings = warnings_of(context, *job, of_locks);
    co_return co_await finish(context, call.caller, *job, "started", std::move(view),
                              std::move(warnings));
}

asio::awaitable<Response> delete_job(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const Edit edit = edit_by(context, call);
    JobView view = view_after_change(context);
    const auto remove = [&](Store& store) -> std::optional<Job> {
        const std::optional<Job> job = store.find_job(id);
        if (!job) return std::nullopt;
        check_childless(store, std::span(&*job, 1), call.caller.tags);
        view.calendars = read_calendars(store, std::span(&*job, 1), view.now);
        return store.delete_job(id, edit);
    };
    const std::optional<Job> job = co_await context.store.call(remove);
    if (!job) refuse_unknown_job(call.id);
    co_return co_await finish(context, call.caller, *job, "deleted", std::move(view));
}

}  // namespace

void add_cron_change_routes(Router& router, const ApiContext& context)
{
    using http::verb;
    router.add({
        .pattern = "/cron/add",
        .methods = {verb::post},
        .role = Role::admin,
        .scope = Scope::filtered,
        .mutates = true,
        .params = {add_params().begin(), add_params().end()},
        .strictness = Strictness::strict,
        .handler = bind(context, add_job),
    });
    router.add({
        .pattern = "/cron/update",
        .methods = {verb::post},
        .role = Role::admin,
        .scope = Scope::filtered,
        .mutates = true,
        .params = {update_params().begin(), update_params().end()},
        .strictness = Strictness::strict,
        .handler = bind(context, update_job),
    });
    router.add({
        .pattern = "/cron/clear",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = {{.name = "confirm", .type = ParamType::integer, .required = true},
                   {.name = "reason"}},
        .strictness = Strictness::strict,
        .handler = bind(context, clear_jobs),
    });
    // GET changes something here because the reference's clients do it so.
    std::vector<verb> changing(1, verb::post);
    if (context.changing_gets) changing.push_back(verb::get);
    router.add({
        .pattern = "/cron/stop/{id}",
        .methods = changing,
        .role = Role::operate,
        .scope = Scope::job,
        .mutates = true,
        .params = {{.name = "reason"}, {.name = "until", .type = ParamType::time}},
        .handler = bind(context, stop_job),
    });
    router.add({
        .pattern = "/cron/start/{id}",
        .methods = changing,
        .role = Role::operate,
        .scope = Scope::job,
        .mutates = true,
        .params = {{.name = "reason"}},
        .handler = bind(context, start_job),
    });
    router.add({
        .pattern = "/cron/delete/{id}",
        .methods = changing,
        .role = Role::admin,
        .scope = Scope::job,
        .mutates = true,
        .params = {{.name = "reason"}},
        .handler = bind(context, delete_job),
    });
}

}  // namespace peercron
