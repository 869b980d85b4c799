#include "api/routes.hpp"
#include "http/answer.hpp"

namespace peercron {
namespace {

asio::awaitable<Response> show_caller(const ApiContext& context, const Call& call)
{
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        json.field("name", call.caller.name);
        json.field("role", to_string(call.caller.role));
        json.field("tokens", !context.tokens.empty());
        json.end_object();
    };
    co_return answer(write);
}

}  // namespace

void add_access_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/access/me",
        .methods = {http::verb::get},
        .role = Role::read,
        .handler = bind(context, show_caller),
    });
}

}  // namespace peercron
