#include "api/access_changes.hpp"
#include "api/routes.hpp"
#include "http/answer.hpp"
#include "store/account_store.hpp"

namespace peercron {
namespace {

asio::awaitable<Response> show_caller(const ApiContext&, const Call& call)
{
    const Caller& caller = call.caller;
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        json.field("name", caller.name);
        json.field("role", to_string(caller.role));
        write_tags(json, caller.tags);
        json.field("proof", proof_words[static_cast<std::size_t>(caller.proof)]);
        json.field("tokens", caller.proof != Proof::none);
        json.end_object();
    };
    co_return answer(write);
}

asio::awaitable<Response> list_events(const ApiContext& context, const Call& call)
{
    const Slice slice = read_slice(call.params);
    const auto read = [slice](Store& store) { return store.accounts().events(slice); };
    const AccessEventPage page = co_await context.store.call(read);
    const auto write = [&page](JsonWriter& json) {
        json.begin_object();
        json.key("list");
        json.begin_array();
        for (const AccessEvent& event : page.events) {
            json.begin_object();
            json.field("id", event.id);
            json.field("at", to_unix_millis(event.at));
            json.field("what", event.what);
            json.field("who", event.who);
            json.field("address", event.address);
            json.field("detail", event.detail);
            json.end_object();
        }
        json.end_array();
        json.field("total", page.total);
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
        .scope = Scope::none,
        .handler = bind(context, show_caller),
    });
    router.add({
        .pattern = "/access/list",
        .methods = {http::verb::get},
        .role = Role::owner,
        .params = {{.name = "page", .type = ParamType::integer},
                   {.name = "limit", .type = ParamType::integer}},
        .handler = bind(context, list_events),
    });
}

}  // namespace peercron
