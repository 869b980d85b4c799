#include "api/await_answer.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/log.hpp"
#include "http/answer.hpp"

#include <optional>

namespace peercron {
namespace {

asio::awaitable<Response> answer_with_row(const ApiContext& context, RunId run)
{
    const auto find = [run](Store& store) { return store.find_log_row(run); };
    const std::optional<LogRow> row = co_await context.store.call(find);
    if (!row) {
        throw HttpError(http::status::service_unavailable,
                        to_string(run) + " is planned, but its row cannot be found");
    }
    const auto write = [&row](JsonWriter& json) { write_log_row(json, *row); };
    co_return answer(write);
}

asio::awaitable<Response> run_job_now(const ApiContext& context, const Call& call)
{
    const JobId id = parse_job_id("id", call.id);
    const auto find = [id](Store& store) { return store.find_job(id); };
    const std::optional<Job> job = co_await context.store.call(find);
    if (!job) refuse_unknown_job(call.id);
    spdlog::info("http: {} runs job {} now", to_string(call.caller), id);
    auto asked = context.run_now(id, to_string(call.caller));
    const Result<RunId> run = co_await await_answer(std::move(asked));
    if (!run) {
        throw HttpError(http::status::service_unavailable,
                        fmt::format("job {} was not run: {}", id, run.error().message));
    }
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
    spdlog::info("http: {} ends run {} ({})", to_string(call.caller), id, to_string(run.id));
    Reason why{Cause::on_request, to_string(call.caller)};
    auto asked = context.end_run(run.id, std::move(why));
    const Result<void> done = co_await await_answer(std::move(asked));
    if (done.has_error()) {
        throw HttpError(http::status::service_unavailable,
                        fmt::format("run {} cannot be ended: {}", id, done.error().message));
    }
    co_return co_await answer_with_row(context, run.id);
}

}  // namespace

void add_run_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/cron/run/{id}",
        .methods = {http::verb::post},
        .role = Role::operate,
        .mutates = true,
        .handler = bind(context, run_job_now),
    });
    router.add({
        .pattern = "/run/kill/{id}",
        .methods = {http::verb::post},
        .role = Role::operate,
        .mutates = true,
        .handler = bind(context, kill_run),
    });
}

}  // namespace peercron
