#include "api/access_changes.hpp"
#include "api/await_answer.hpp"
#include "api/daemon_view.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/job_fields.hpp"
#include "model/run_request.hpp"

#include <spdlog/fmt/fmt.h>

#include <optional>
#include <span>
#include <string>

namespace peercron {
namespace {

asio::awaitable<Response> answer_with_row(const ApiContext& context, RunId run)
{
    NamesOfJobs names;
    const auto find = [run, &names](Store& store) {
        std::optional<LogRow> row = store.find_log_row(run);
        if (row) names = read_names(store, {&*row, 1});
        return row;
    };
    const std::optional<LogRow> row = co_await context.store.call(find);
    if (!row) {
        throw HttpError(http::status::service_unavailable,
                        to_string(run) + " is planned, but its row cannot be found");
    }
    const auto write = [&](JsonWriter& json) { write_log_row(json, *row, names); };
    co_return answer(write);
}

/// @throws HttpError 400.
void check_inputs(const Job& job, const RunRequest& request)
{
    if (const auto problem = find_input_problem(job.inputs, request.inputs)) {
        refuse("inputs: " + *problem);
    }
    const std::size_t characters = count_characters(to_string(request));
    if (characters > longest_request) {
        refuse(
            fmt::format("inputs: too long by {} characters; all inputs of a run, with the name "
                        "of the one who asks, have to fit into {}",
                        characters - longest_request, longest_request));
    }
}

/// A daemon is started by hand only where it could be up, and is not.
/// @throws HttpError 409.
void check_daemon(const Job& job, const DaemonViews& daemons, bool is_rehearsal, WallTime now)
{
    const auto daemon = daemons.find(job.id);
    if (daemon == daemons.end()) return;
    std::string why;
    if (daemon->second.is_up) why = "it is up; a daemon runs once at a time";
    if (!is_open(job, now)) why = "it is outside its window";
    if (job.stop) why = "it is stopped; /cron/start starts it";
    if (is_rehearsal) why = "it is a daemon, which has no rehearsals";
    if (why.empty()) return;
    throw HttpError(http::status::conflict, fmt::format("job {} was not started: {}", job.id, why));
}

asio::awaitable<Response> run_job_now(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const WallTime now = context.clock.now();
    DaemonViews daemons;
    const auto find = [id, now, &daemons](Store& store) {
        std::optional<Job> job = store.find_job(id);
        if (job) daemons = read_daemons(store, std::span(&*job, 1), now);
        return job;
    };
    const std::optional<Job> job = co_await context.store.call(find);
    if (!job) refuse_unknown_job(call.id);
    RunRequest request{to_string(call.caller),
                       split_lines(call.params.text("inputs").value_or(""))};
    request.rehearsal = call.params.boolean("rehearsal").value_or(false);
    check_daemon(*job, daemons, request.rehearsal, now);
    request.without_chain = !call.params.boolean("chain").value_or(true);
    check_inputs(*job, request);
    auto asked = context.run_now(id, to_string(request));
    const Result<RunId> run = co_await await_answer(std::move(asked));
    if (!run) {
        throw HttpError(http::status::service_unavailable,
                        fmt::format("job {} was not run: {}", id, run.error().message));
    }
    note_act(context, call.caller, request.rehearsal ? "rehearsal" : "run now",
             fmt::format("job {} {}", id, job->name));
    co_return co_await answer_with_row(context, *run);
}

asio::awaitable<Response> kill_run(const ApiContext& context, const Call& call)
{
    const std::int64_t id = parse_row_id("id", call.id);
    const auto find = [id](Store& store) { return store.find_log_row(id); };
    const std::optional<LogRow> row = co_await context.store.call(find);
    if (!row) refuse_unknown_row(call.id);
    const RunReport& run = row->run;
    if (is_final(run.state)) {
        throw HttpError(http::status::conflict,
                        fmt::format("run {} ({}) has ended already: {}", id, to_string(run.id),
                                    to_string(run.state)));
    }
    Reason why{Cause::on_request, to_string(call.caller)};
    auto asked = context.end_run(run.id, std::move(why));
    const Result<void> done = co_await await_answer(std::move(asked));
    if (done.has_error()) {
        throw HttpError(http::status::service_unavailable,
                        fmt::format("run {} cannot be ended: {}", id, done.error().message));
    }
    note_act(context, call.caller, "run ended", fmt::format("run {} ({})", id, to_string(run.id)));
    co_return co_await answer_with_row(context, run.id);
}

/// Of the fire of the row with that id the newest attempt.
asio::awaitable<LogRow> newest_attempt(const ApiContext& context, const Call& call)
{
    const std::int64_t id = parse_row_id("id", call.id);
    const auto find = [id](Store& store) -> std::optional<LogRow> {
        const std::optional<LogRow> row = store.find_log_row(id);
        if (!row || row->legacy) return row;
        return store.find_newest_attempt(row->run.id);
    };
    const std::optional<LogRow> newest = co_await context.store.call(find);
    if (!newest) refuse_unknown_row(call.id);
    co_return *newest;
}

/// For its time, as a further attempt does.
bool is_waiting(const LogRow& row)
{
    return row.run.id.attempt > 1 && row.run.state == RunState::planned && row.retry_at &&
           row.run.run_server.empty();
}

/// Why the fire cannot be tried again; empty: it can.
std::string why_not_again(const LogRow& newest)
{
    const RunState state = newest.run.state;
    const std::string what =
        fmt::format("attempt {} of this fire (run {}) ", newest.run.id.attempt, newest.id);
    if (newest.legacy) return "the run is older than the ledger";
    if (newest.run.rehearsal) return "the run is a rehearsal";
    if (newest.fires > 1) {
        return fmt::format("the row stands for {} missed fires, not for one run", newest.fires);
    }
    if (is_waiting(newest)) return "";
    if (!is_final(state)) return what + fmt::format("has not ended: {}", to_string(state));
    const bool is_taken_back = state == RunState::revoked && newest.run.id.attempt == 1;
    if (is_taken_back) return what + "was taken back when its job was changed";
    return "";
}

/// Has the fire run as the attempt after `newest`, or the one that waits.
asio::awaitable<Response> plan_attempt(const ApiContext& context, const Call& call, LogRow newest,
                                       std::string_view done)
{
    const auto find = [id = newest.run.id.job](Store& store) { return store.find_job(id); };
    const std::optional<Job> job = co_await context.store.call(find);
    if (!job) {
        throw HttpError(
            http::status::conflict,
            fmt::format("job {} was deleted, so it is not known what to run", newest.run.id.job));
    }
    auto asked = context.retry_run(newest.run.id, to_string(call.caller));
    const Result<RunId> run = co_await await_answer(std::move(asked));
    if (!run) {
        throw HttpError(
            http::status::service_unavailable,
            fmt::format("{} was not {}: {}", to_string(newest.run.id), done, run.error().message));
    }
    note_act(context, call.caller, "run again", to_string(newest.run.id));
    co_return co_await answer_with_row(context, *run);
}

asio::awaitable<Response> retry_run(const ApiContext& context, const Call& call)
{
    LogRow newest = co_await newest_attempt(context, call);
    std::string why = why_not_again(newest);
    if (why.empty() && newest.run.state == RunState::success) {
        why = fmt::format("attempt {} of this fire (run {}) succeeded; /run/again/{} runs it again",
                          newest.run.id.attempt, newest.id, newest.id);
    }
    if (!why.empty()) {
        throw HttpError(
            http::status::conflict,
            fmt::format("{}; /cron/run/{} runs the job once more", why, newest.run.id.job));
    }
    co_return co_await plan_attempt(context, call, std::move(newest), "tried again");
}

/// Also one that has succeeded.
asio::awaitable<Response> run_again(const ApiContext& context, const Call& call)
{
    LogRow newest = co_await newest_attempt(context, call);
    if (const std::string why = why_not_again(newest); !why.empty()) {
        throw HttpError(
            http::status::conflict,
            fmt::format("{}; /cron/run/{} runs the job once more", why, newest.run.id.job));
    }
    co_return co_await plan_attempt(context, call, std::move(newest), "run again");
}

asio::awaitable<Response> give_up_run(const ApiContext& context, const Call& call)
{
    const LogRow newest = co_await newest_attempt(context, call);
    if (!is_waiting(newest)) {
        throw HttpError(http::status::conflict,
                        fmt::format("no further attempt of this fire waits: attempt {} (run {}) is "
                                    "{}",
                                    newest.run.id.attempt, newest.id, to_string(newest.run.state)));
    }
    Reason why{Cause::on_request, to_string(call.caller)};
    auto asked = context.end_run(newest.run.id, std::move(why));
    const Result<void> done = co_await await_answer(std::move(asked));
    if (done.has_error()) {
        throw HttpError(
            http::status::service_unavailable,
            fmt::format("run {} was not given up: {}", newest.id, done.error().message));
    }
    note_act(context, call.caller, "run given up", to_string(newest.run.id));
    co_return co_await answer_with_row(context, newest.run.id);
}

}  // namespace

void add_run_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/cron/run/{id}",
        .methods = {http::verb::post},
        .role = Role::operate,
        .scope = Scope::job,
        .mutates = true,
        .params = {{.name = "inputs", .type = ParamType::lines},
                   {.name = "chain", .type = ParamType::boolean},
                   {.name = "rehearsal", .type = ParamType::boolean}},
        .strictness = Strictness::strict,
        .handler = bind(context, run_job_now),
    });
    router.add({
        .pattern = "/run/kill/{id}",
        .methods = {http::verb::post},
        .role = Role::operate,
        .scope = Scope::run,
        .mutates = true,
        .handler = bind(context, kill_run),
    });
    router.add({
        .pattern = "/run/retry/{id}",
        .methods = {http::verb::post},
        .role = Role::operate,
        .scope = Scope::run,
        .mutates = true,
        .handler = bind(context, retry_run),
    });
    router.add({
        .pattern = "/run/again/{id}",
        .methods = {http::verb::post},
        .role = Role::operate,
        .scope = Scope::run,
        .mutates = true,
        .handler = bind(context, run_again),
    });
    router.add({
        .pattern = "/run/give-up/{id}",
        .methods = {http::verb::post},
        .role = Role::operate,
        .scope = Scope::run,
        .mutates = true,
        .handler = bind(context, give_up_run),
    });
}

}  // namespace peercron
