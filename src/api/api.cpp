#include "api/api.hpp"

#include "access/access_book.hpp"
#include "api/job_book.hpp"
#include "api/limits.hpp"
#include "api/openapi.hpp"
#include "api/routes.hpp"
#include "api/store_errors.hpp"
#include "base/utf8.hpp"
#include "console/console_routes.hpp"

#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <memory>
#include <utility>

namespace peercron {
namespace {

constexpr std::int64_t largest_limit = 1'000;
constexpr std::int64_t largest_page = 1'000'000'000;

asio::awaitable<Response> describe(const Call& call)
{
    const auto bodies = call.params.text("bodies");
    if (bodies && *bodies != "json") {
        refuse(
            fmt::format("bodies: given {}; json is allowed, or leave it out", quote_utf8(*bodies)));
    }
    Response response;
    response.body = bodies ? openapi_without_forms() : openapi();
    co_return response;
}

}  // namespace

Router make_api_router(const ApiContext& context)
{
    const auto limit = [&context](const Route& route, const Caller& caller, std::string id) {
        return keep_to_jobs(context, route, caller, std::move(id));
    };
    Access access(context.rules, context.access.directory());
    Router router(std::move(access), explain_store_error, limit);
    add_cron_routes(router, context);
    add_cron_change_routes(router, context);
    add_log_routes(router, context);
    add_audit_routes(router, context);
    add_run_routes(router, context);
    add_channel_routes(router, context);
    add_pause_routes(router, context);
    add_lock_routes(router, context);
    add_calendar_routes(router, context);
    add_backfill_routes(router, context);
    add_node_routes(router, context);
    add_bulk_routes(router, context);
    add_run_diff_routes(router, context);
    const auto book = std::make_shared<JobBook>(
        context.store, context.clock, context.default_time_zone, context.tasks.executor());
    add_insight_routes(router, context, book);
    add_why_routes(router, context, book);
    add_forecast_routes(router, context, book);
    add_output_routes(router, context);
    add_event_routes(router, context);
    add_health_routes(router, context, Role::read);
    add_access_routes(router, context);
    add_account_routes(router, context);
    add_token_routes(router, context);
    add_session_routes(router, context);
    add_oidc_routes(router, context);
    add_openapi_route(router);
    add_console_routes(router);
    return router;
}

Router make_operations_router(const ApiContext& context)
{
    AccessRules rules;
    rules.trusted_proxies = context.rules.trusted_proxies;
    Access access(rules);
    Router router(std::move(access), explain_store_error);
    add_health_routes(router, context, std::nullopt);
    return router;
}

void add_openapi_route(Router& router)
{
    router.add({
        .pattern = "/openapi.json",
        .methods = {http::verb::get},
        .role = std::nullopt,
        .scope = Scope::none,
        .params = {{.name = "bodies"}},
        .handler = describe,
    });
}

Slice read_slice(const Params& params)
{
    const std::int64_t page = params.integer("page", 1, largest_page).value_or(1);
    const std::int64_t limit = params.integer("limit", 1, largest_limit).value_or(50);
    return {static_cast<std::size_t>((page - 1) * limit), static_cast<std::size_t>(limit)};
}

JobId parse_job_id(std::string_view name, std::string_view text)
{
    JobId id = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, bad] = std::from_chars(text.data(), end, id);
    if (text.empty() || stop != end || bad == std::errc::invalid_argument) {
        refuse(fmt::format("{}: given {}; a whole number is allowed", name, quote_utf8(text)));
    }
    return bad == std::errc() ? id : 0;
}

std::int64_t parse_row_id(std::string_view name, std::string_view text)
{
    return parse_job_id(name, text);
}

std::string to_string(const Caller& caller)
{
    return fmt::format("{} at {}", caller.name, caller.address);
}

void refuse_unknown_row(std::string_view id)
{
    throw HttpError(http::status::not_found,
                    fmt::format("there is no row with the id {} in the log", quote_utf8(id)));
}

void refuse_unknown_job(std::string_view id)
{
    throw HttpError(http::status::not_found,
                    fmt::format("there is no job with the id {}", quote_utf8(id)));
}

}  // namespace peercron
