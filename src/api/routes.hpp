#pragma once

#include "api/api.hpp"
#include "http/json_writer.hpp"
#include "store/lists.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace peercron {

class JobBook;

// The calls by resource; each adds its routes.

void add_cron_routes(Router& router, const ApiContext& context);
void add_cron_change_routes(Router& router, const ApiContext& context);
void add_log_routes(Router& router, const ApiContext& context);
void add_audit_routes(Router& router, const ApiContext& context);
void add_run_routes(Router& router, const ApiContext& context);
void add_channel_routes(Router& router, const ApiContext& context);
void add_pause_routes(Router& router, const ApiContext& context);
void add_lock_routes(Router& router, const ApiContext& context);
void add_calendar_routes(Router& router, const ApiContext& context);
void add_backfill_routes(Router& router, const ApiContext& context);
void add_node_routes(Router& router, const ApiContext& context);
void add_bulk_routes(Router& router, const ApiContext& context);
void add_run_diff_routes(Router& router, const ApiContext& context);
// Those that look at the schedules of all jobs.
void add_insight_routes(Router& router, const ApiContext& context,
                        const std::shared_ptr<JobBook>& book);
void add_why_routes(Router& router, const ApiContext& context,
                    const std::shared_ptr<JobBook>& book);
void add_forecast_routes(Router& router, const ApiContext& context,
                         const std::shared_ptr<JobBook>& book);
void add_access_routes(Router& router, const ApiContext& context);
void add_account_routes(Router& router, const ApiContext& context);
void add_token_routes(Router& router, const ApiContext& context);
void add_session_routes(Router& router, const ApiContext& context);
void add_oidc_routes(Router& router, const ApiContext& context);
void add_output_routes(Router& router, const ApiContext& context);
void add_event_routes(Router& router, const ApiContext& context);
void add_openapi_route(Router& router);
/// @param metrics_role the role that /metrics needs, if any.
void add_health_routes(Router& router, const ApiContext& context, std::optional<Role> metrics_role);

/// What /health says of this node.
void write_health(JsonWriter& json, const ApiContext& context);

/// What /events says of each node, by its name: JSON.
std::map<std::string, std::string> node_news(const ApiContext& context);

/// A handler that calls `function(context, call)`, a coroutine.
template <class Function>
Route::Handler bind(const ApiContext& context, Function function)
{
    return [&context, function](const Call& call) { return function(context, call); };
}

/// The `page` (from 1) and `limit` (1 to 1000, default 50) of a list.
/// @throws HttpError 400.
Slice read_slice(const Params& params);

/// The id of a job in the parameter `name` or, as "id", in the path. One that is too large for any
/// job is 0, which no job has.
/// @throws HttpError 400 when it is not a whole number.
JobId parse_job_id(std::string_view name, std::string_view text);

[[noreturn]] void refuse_unknown_job(std::string_view id);
[[noreturn]] void refuse_unknown_row(std::string_view id);

/// As parse_job_id(), of a row of the ledger.
std::int64_t parse_row_id(std::string_view name, std::string_view text);

/// "ops at 10.0.0.3", for rows and the log.
std::string to_string(const Caller& caller);

}  // namespace peercron
