#include "api/job_metrics.hpp"
#include "api/process_metrics.hpp"
#include "api/routes.hpp"
#include "http/answer.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace peercron {
namespace {

/// Touches neither the store nor the network: Consul asks every second and takes a slow answer
/// for a dead node. It is 200 while the store is away, too, because runs go on.
asio::awaitable<Response> show_health(const ApiContext& context, const Call&)
{
    const auto write = [&context](JsonWriter& json) { write_health(json, context); };
    co_return answer(write);
}

/// For who spreads calls over nodes: one that cannot answer them now gets none. Consul's check is
/// /health, because a node without its store still runs what is due.
asio::awaitable<Response> show_readiness(const ApiContext& context, const Call& call)
{
    const std::string why_not = context.not_ready();
    if (why_not.empty()) co_return co_await show_health(context, call);
    HttpError unavailable(http::status::service_unavailable, why_not);
    throw unavailable.with(http::field::retry_after, "1");
}

Response exposition(const std::vector<prometheus::MetricFamily>& metrics)
{
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    const prometheus::TextSerializer serializer;
    response.body = serializer.Serialize(metrics);
    return response;
}

asio::awaitable<Response> show_metrics(const ApiContext& context, const Call&)
{
    auto metrics = context.metrics->Collect();
    std::ranges::move(process_metrics(context.version), std::back_inserter(metrics));
    co_return exposition(metrics);
}

/// Beside /metrics, because it asks the store: a node without one still tells how it is.
asio::awaitable<Response> show_job_metrics(const ApiContext& context, const Call&)
{
    const std::size_t most = context.job_metrics;
    if (most == 0) {
        throw HttpError(
            http::status::not_found,
            "metrics of single jobs are off; [metrics] jobs says how many jobs are here");
    }
    const auto read = [&context, most](Store& store) {
        return job_metrics(store, context.inherited, most);
    };
    const std::vector<prometheus::MetricFamily> metrics = co_await context.store.call(read);
    co_return exposition(metrics);
}

/// Of a pause of all jobs; empty: there is none.
std::string paused_text(const Pauses& pauses, WallTime now)
{
    const Pause* const pause = pauses.find(0, {}, now);
    return pause == nullptr ? std::string() : reason_of(*pause).detail;
}

}  // namespace

void write_health(JsonWriter& json, const ApiContext& context)
{
    const NodeName& dispatcher = context.coordinator.dispatcher();
    json.begin_object();
    json.field("node", context.node);
    json.field("version", context.version);
    json.field("dispatcher", dispatcher);
    json.field("is_dispatcher", dispatcher == context.node);
    json.field("epoch", context.epoch());
    json.field("store", context.store_trouble() ? "away" : "ok");
    json.field("journal", context.journal());
    json.field("clock", context.clock_state());
    json.field("time_zone", context.default_time_zone);
    const std::optional<WallTime> expiry = context.certificate_expiry();
    json.field("certificate_expires_at",
               expiry ? std::optional(to_unix_millis(*expiry)) : std::nullopt);
    json.field("paused", paused_text(context.pauses(), context.clock.now()));
    json.end_object();
}

void add_health_routes(Router& router, const ApiContext& context, std::optional<Role> metrics_role)
{
    router.add({
        .pattern = "/health",
        .methods = {http::verb::get},
        .role = std::nullopt,
        .scope = Scope::none,
        .handler = bind(context, show_health),
    });
    router.add({
        .pattern = "/health/ready",
        .methods = {http::verb::get},
        .role = std::nullopt,
        .scope = Scope::none,
        .handler = bind(context, show_readiness),
    });
    router.add({
        .pattern = "/metrics",
        .methods = {http::verb::get},
        .role = metrics_role,
        .handler = bind(context, show_metrics),
    });
    router.add({
        .pattern = "/metrics/jobs",
        .methods = {http::verb::get},
        .role = metrics_role,
        .handler = bind(context, show_job_metrics),
    });
}

}  // namespace peercron
