#include "access/access_book.hpp"
#include "access/secret.hpp"
#include "api/access_changes.hpp"
#include "api/routes.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "store/account_store.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

std::optional<std::int64_t> token_millis(const std::optional<WallTime>& time)
{
    return time ? std::optional(to_unix_millis(*time)) : std::nullopt;
}

void write_token_fields(JsonWriter& json, const AccessToken& token)
{
    json.field("name", token.name);
    json.field("role", to_string(token.role));
    write_tags(json, token.tags);
    json.field("created_at", to_unix_millis(token.created_at));
    json.field("created_by", token.created_by);
    json.field("expires_at", token_millis(token.expires_at));
    json.field("used_at", token_millis(token.used_at));
}

void write_token(JsonWriter& json, const AccessToken& token)
{
    json.begin_object();
    write_token_fields(json, token);
    json.end_object();
}

std::string in_short(const AccessToken& token)
{
    return fmt::format("{} ({}{}{})", token.name, to_string(token.role),
                       token.tags.empty() ? "" : ", only ", fmt::join(token.tags, " "));
}

asio::awaitable<Response> list_tokens(const ApiContext& context, const Call&)
{
    const auto read = [](Store& store) { return store.accounts().tokens(); };
    const std::vector<AccessToken> tokens = co_await context.store.call(read);
    const auto write = [&tokens](JsonWriter& json) {
        json.begin_array();
        for (const AccessToken& token : tokens) write_token(json, token);
        json.end_array();
    };
    co_return answer(write);
}

asio::awaitable<Response> add_token(const ApiContext& context, const Call& call)
{
    AccessToken draft;
    draft.name = read_name(call.params);
    draft.role = read_role(call.params).value_or(Role::read);
    draft.tags = read_tags(call.params).value_or(std::vector<std::string>());
    draft.created_at = context.clock.now();
    draft.created_by = to_string(call.caller);
    draft.expires_at = call.params.time("expires");
    if (draft.expires_at && *draft.expires_at <= draft.created_at) {
        refuse("expires: it has passed; a time to come is allowed");
    }
    refuse_limited_owner(draft.role, draft.tags);
    refuse_lockout(call.caller, draft.role);
    const std::string secret = std::string(token_prefix) + random_secret();
    draft.digest = digest_of(secret);
    const auto add = [&draft](Store& store) { return store.accounts().add_token(draft); };
    const AccessToken added = co_await context.store.call(add);
    note_change(context, call.caller, "token added", in_short(added));
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        write_token_fields(json, added);
        json.field("token", secret);
        json.end_object();
    };
    co_return answer(write);
}

asio::awaitable<Response> delete_token(const ApiContext& context, const Call& call)
{
    const std::string name = call.params.text("name").value_or("");
    const auto remove = [&name](Store& store) -> std::optional<AccessToken> {
        const std::vector<AccessToken> tokens = store.accounts().tokens();
        const auto found = std::ranges::find(tokens, name, &AccessToken::name);
        if (found == tokens.end() || !store.accounts().delete_token(found->id)) return std::nullopt;
        return *found;
    };
    const std::optional<AccessToken> token = co_await context.store.call(remove);
    if (!token) {
        throw HttpError(http::status::not_found,
                        fmt::format("name: there is no token named {}", quote_utf8(name)));
    }
    note_change(context, call.caller, "token deleted", in_short(*token));
    co_return answer([&token](JsonWriter& json) { write_token(json, *token); });
}

}  // namespace

void add_token_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/token/list",
        .methods = {http::verb::get},
        .role = Role::owner,
        .handler = bind(context, list_tokens),
    });
    router.add({
        .pattern = "/token/add",
        .methods = {http::verb::post},
        .role = Role::owner,
        .mutates = true,
        .params = {{.name = "name", .required = true},
                   {.name = "role"},
                   {.name = "tags", .type = ParamType::words},
                   {.name = "expires", .type = ParamType::time}},
        .strictness = Strictness::strict,
        .handler = bind(context, add_token),
    });
    router.add({
        .pattern = "/token/delete",
        .methods = {http::verb::post},
        .role = Role::owner,
        .mutates = true,
        .params = {{.name = "name", .required = true}},
        .strictness = Strictness::strict,
        .handler = bind(context, delete_token),
    });
}

}  // namespace peercron
