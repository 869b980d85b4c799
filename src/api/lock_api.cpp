#include "api/access_changes.hpp"
#include "api/confirm_change.hpp"
#include "api/lock_rules.hpp"
#include "api/routes.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/lock.hpp"
#include "store/lock_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// A run that holds some of a lock, or waits for it.
struct LockRun {
    OpenLockRun run;
    std::string job_name;
    std::int64_t weight = 1;
};

struct LockView {
    LockLimit limit;
    bool is_set = false;
    std::int64_t jobs = 0;
    std::vector<LockRun> owners;
    std::vector<LockRun> waiting;
};

bool is_due(const OpenLockRun& run, WallTime now)
{
    return run.retry_at.value_or(run.id.scheduled_at) <= now;
}

/// By name.
std::map<std::string, LockView> read_lock_views(Store& store, WallTime now)
{
    std::map<std::string, LockView> views;
    for (LockLimit& limit : store.locks().limits()) {
        LockView& view = views[limit.name];
        view.limit = std::move(limit);
        view.is_set = true;
    }
    std::unordered_map<JobId, LockUser> users;
    for (LockUser& user : store.locks().users()) {
        for (const LockClaim& claim : read_locks(user.locks)) {
            LockView& view = views[claim.name];
            view.limit.name = claim.name;
            ++view.jobs;
        }
        users.emplace(user.job, std::move(user));
    }
    for (const OpenLockRun& run : store.locks().open_runs()) {
        const auto user = users.find(run.id.job);
        const bool waits = run.state == RunState::planned;
        if (user == users.end() || (waits && !is_due(run, now))) continue;
        for (const LockClaim& claim : read_locks(user->second.locks)) {
            LockView& view = views.at(claim.name);
            (waits ? view.waiting : view.owners).push_back({run, user->second.name, claim.weight});
        }
    }
    return views;
}

void write_lock_runs(JsonWriter& json, std::string_view name, const std::vector<LockRun>& runs)
{
    json.key(name);
    json.begin_array();
    for (const LockRun& entry : runs) {
        const OpenLockRun& run = entry.run;
        json.begin_object();
        json.field("id", run.row);
        json.field("cron_id", run.id.job);
        json.field("job", entry.job_name);
        json.field("scheduled_at", to_unix_millis(run.id.scheduled_at));
        json.field("attempt", run.id.attempt);
        json.field("part", run.id.part);
        json.field("weight", entry.weight);
        json.field("run_server", run.run_server);
        json.field("started_at",
                   run.started_at ? std::optional(to_unix_millis(*run.started_at)) : std::nullopt);
        json.end_object();
    }
    json.end_array();
}

void write_lock(JsonWriter& json, const LockView& view)
{
    std::int64_t taken = 0;
    for (const LockRun& owner : view.owners) taken += owner.weight;
    json.begin_object();
    json.field("name", view.limit.name);
    json.field("limit", view.limit.limit);
    json.field("is_set", view.is_set);
    json.field("set_by", view.limit.set_by);
    json.field("set_at",
               view.is_set ? std::optional(to_unix_millis(view.limit.set_at)) : std::nullopt);
    json.field("jobs", view.jobs);
    json.field("taken", taken);
    write_lock_runs(json, "owners", view.owners);
    write_lock_runs(json, "waiting", view.waiting);
    json.end_object();
}

asio::awaitable<Response> list_locks(const ApiContext& context, const Call&)
{
    const WallTime now = context.clock.now();
    const auto read = [now](Store& store) { return read_lock_views(store, now); };
    const std::map<std::string, LockView> views = co_await context.store.call(read);
    const auto write = [&views](JsonWriter& json) {
        json.begin_array();
        for (const auto& [name, view] : views) write_lock(json, view);
        json.end_array();
    };
    co_return answer(write);
}

/// @throws HttpError 400.
std::string read_lock_name(const Call& call)
{
    std::string name = call.params.text("name").value_or("");
    if (!is_lock_name(name)) {
        refuse(
            fmt::format("name: given {}; the name of a lock, of at most 64 letters, digits, _, "
                        "- and ., is allowed",
                        quote_utf8(name)));
    }
    return name;
}

/// The jobs that have the lock.
/// @throws HttpError 409: one of them takes more of it than `limit`.
std::vector<JobId> users_within(Store& store, const std::string& name, std::int64_t limit)
{
    std::vector<JobId> jobs;
    for (const LockUser& user : store.locks().users()) {
        const std::vector<LockClaim> claims = read_locks(user.locks);
        const auto claim = std::ranges::find(claims, name, &LockClaim::name);
        if (claim == claims.end()) continue;
        if (claim->weight > limit) {
            throw HttpError(
                http::status::conflict,
                fmt::format("the limit of the lock {} cannot be {}: job {}{} takes {} of it, and "
                            "could never run. Change the job first",
                            name, limit, user.job,
                            user.name.empty() ? "" : fmt::format(" ({})", quote_utf8(user.name)),
                            claim->weight));
        }
        jobs.push_back(user.job);
    }
    return jobs;
}

/// The store has the limit: has the dispatcher go by it, and answers with the lock.
asio::awaitable<Response> finish_lock(const ApiContext& context, std::string name,
                                      std::vector<JobId> jobs)
{
    if (!jobs.empty()) {
        std::string what = fmt::format("the limit of the lock {} is stored", name);
        co_await confirm_change(context, std::move(jobs), std::move(what),
                                "a fire that was handed out before may still start by the limit "
                                "before");
    }
    const WallTime now = context.clock.now();
    const auto read = [now, &name](Store& store) {
        std::map<std::string, LockView> views = read_lock_views(store, now);
        LockView& view = views[name];
        view.limit.name = name;
        return view;
    };
    const LockView view = co_await context.store.call(read);
    const auto write = [&view](JsonWriter& json) { write_lock(json, view); };
    co_return answer(write);
}

asio::awaitable<Response> set_lock(const ApiContext& context, const Call& call)
{
    LockLimit limit;
    limit.name = read_lock_name(call);
    limit.limit = call.params.integer("limit", 0, most_lock_limit).value_or(0);
    if (limit.limit == 0) {
        refuse(
            fmt::format("limit: given 0; 1 to {} is allowed. To keep the jobs of a lock from "
                        "running, stop them",
                        most_lock_limit));
    }
    limit.set_by = to_string(call.caller);
    limit.set_at = context.clock.now();
    const auto set = [&limit](Store& store) {
        std::vector<JobId> jobs = users_within(store, limit.name, limit.limit);
        store.locks().set_limit(limit);
        return jobs;
    };
    std::vector<JobId> jobs = co_await context.store.call(set);
    note_act(context, call.caller, "lock set", fmt::format("{} to {}", limit.name, limit.limit));
    co_return co_await finish_lock(context, limit.name, std::move(jobs));
}

asio::awaitable<Response> delete_lock(const ApiContext& context, const Call& call)
{
    const std::string name = read_lock_name(call);
    const auto remove = [&name](Store& store) {
        std::vector<JobId> jobs = users_within(store, name, usual_lock_limit);
        if (!store.locks().delete_limit(name)) {
            throw HttpError(http::status::not_found,
                            fmt::format("no limit is set for the lock {}", name));
        }
        return jobs;
    };
    std::vector<JobId> jobs = co_await context.store.call(remove);
    note_act(context, call.caller, "lock limit deleted", name);
    co_return co_await finish_lock(context, name, std::move(jobs));
}

}  // namespace

void check_locks(Store& store, const Job& job, const JobPatch& patch)
{
    if (!patch.has(&Job::locks) || job.locks.empty()) return;
    const auto problem = find_oversized_lock(read_locks(job.locks), store.locks().limits());
    if (problem) refuse(fmt::format("locks: {}; /lock/set sets another one", *problem));
}

std::optional<std::string> lock_warning(Store& store, const Job& job)
{
    const bool waits = job.overlap == Overlap::queue || job.overlap == Overlap::replace;
    if (parts_of(job) == 1 || job.locks.empty() || waits) return std::nullopt;
    const std::vector<LockLimit> limits = store.locks().limits();
    for (const LockClaim& claim : read_locks(job.locks)) {
        const std::int64_t wanted = claim.weight * parts_of(job);
        const std::int64_t limit = limit_of(claim.name, limits);
        if (wanted <= limit) continue;
        return fmt::format(
            "the {} parts of a fire take {} of the lock {}, whose limit is {}; parts that find it "
            "taken are skipped, and the fire fails, unless overlap is queue",
            parts_of(job), wanted, claim.name, limit);
    }
    return std::nullopt;
}

void add_lock_routes(Router& router, const ApiContext& context)
{
    using http::verb;
    router.add({
        .pattern = "/lock/list",
        .methods = {verb::get},
        .role = Role::read,
        .handler = bind(context, list_locks),
    });
    router.add({
        .pattern = "/lock/set",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = {{.name = "name", .required = true},
                   {.name = "limit", .type = ParamType::integer, .required = true}},
        .strictness = Strictness::strict,
        .handler = bind(context, set_lock),
    });
    router.add({
        .pattern = "/lock/delete",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = {{.name = "name", .required = true}},
        .strictness = Strictness::strict,
        .handler = bind(context, delete_lock),
    });
}

}  // namespace peercron
