#include "http/answer.hpp"
#include "http/routes.hpp"

#include <prometheus/text_serializer.h>

namespace peercron {
namespace {

/// Touches neither the store nor the network: Consul asks every second and takes a slow answer
/// for a dead node. It is 200 while the store is away, too, because runs go on.
asio::awaitable<Response> show_health(const ApiContext& context, const Call&)
{
    const auto write = [&context](JsonWriter& json) {
        const NodeName& dispatcher = context.coordinator.dispatcher();
        json.begin_object();
        json.field("node", context.node);
        json.field("version", context.version);
        json.field("dispatcher", dispatcher);
        json.field("is_dispatcher", dispatcher == context.node);
        json.field("epoch", context.epoch());
        json.field("store", context.store_away() ? "away" : "ok");
        json.field("journal", context.journal());
        json.field("time_zone", context.default_time_zone);
        json.end_object();
    };
    co_return answer(write);
}

asio::awaitable<Response> show_metrics(const ApiContext& context, const Call&)
{
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    const auto metrics = context.metrics->Collect();
    const prometheus::TextSerializer serializer;
    response.body = serializer.Serialize(metrics);
    co_return response;
}

}  // namespace

void add_health_routes(Router& router, const ApiContext& context, std::optional<Role> metrics_role)
{
    router.add({
        .pattern = "/health",
        .methods = {http::verb::get},
        .role = std::nullopt,
        .handler = bind(context, show_health),
    });
    router.add({
        .pattern = "/metrics",
        .methods = {http::verb::get},
        .role = metrics_role,
        .handler = bind(context, show_metrics),
    });
}

}  // namespace peercron
