#include "access/access_book.hpp"
#include "access/password.hpp"
#include "api/access_changes.hpp"
#include "api/routes.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "store/account_store.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

void write_account(JsonWriter& json, const UserAccount& account)
{
    json.begin_object();
    json.field("name", account.name);
    json.field("role", to_string(account.role));
    write_tags(json, account.tags);
    json.field("has_password", !account.password.empty());
    json.field("sso", account.sso);
    json.field("identity", account.identity);
    json.field("created_at", to_unix_millis(account.created_at));
    json.field("signed_in_at", account.signed_in_at
                                   ? std::optional(to_unix_millis(*account.signed_in_at))
                                   : std::nullopt);
    json.end_object();
}

Response answer_with_account(const UserAccount& account)
{
    return answer([&account](JsonWriter& json) { write_account(json, account); });
}

/// "ops (owner)", "ci (operate, only web)", "ada (read, sso)".
std::string in_short(const UserAccount& account)
{
    return fmt::format("{} ({}{}{}{})", account.name, to_string(account.role),
                       account.tags.empty() ? "" : ", only ", fmt::join(account.tags, " "),
                       account.sso ? ", sso" : "");
}

[[noreturn]] void refuse_unknown_account(std::string_view name)
{
    throw HttpError(http::status::not_found,
                    fmt::format("name: there is no account named {}", quote_utf8(name)));
}

asio::awaitable<UserAccount> read_account(const ApiContext& context, std::string name)
{
    const auto find = [&name](Store& store) { return store.accounts().find_account(name); };
    std::optional<UserAccount> account = co_await context.store.call(find);
    if (!account) refuse_unknown_account(name);
    co_return *std::move(account);
}

/// Throws HttpError 400.
std::optional<std::string> read_new_password(const Params& params, std::string_view name)
{
    std::optional<std::string> password = params.text(name);
    if (!password) return std::nullopt;
    if (const auto problem = find_password_problem(*password)) {
        refuse(fmt::format("{}{}", name == "password" ? "" : "new_", *problem));
    }
    return password;
}

asio::awaitable<Response> list_accounts(const ApiContext& context, const Call&)
{
    const auto read = [](Store& store) { return store.accounts().accounts(); };
    const std::vector<UserAccount> accounts = co_await context.store.call(read);
    const auto write = [&accounts](JsonWriter& json) {
        json.begin_array();
        for (const UserAccount& account : accounts) write_account(json, account);
        json.end_array();
    };
    co_return answer(write);
}

asio::awaitable<Response> add_account(const ApiContext& context, const Call& call)
{
    UserAccount draft;
    draft.name = read_name(call.params);
    draft.role = read_role(call.params).value_or(Role::read);
    draft.tags = read_tags(call.params).value_or(std::vector<std::string>());
    draft.created_at = context.clock.now();
    draft.sso = call.params.boolean("sso").value_or(false);
    const std::optional<std::string> password = read_new_password(call.params, "password");
    if (!password && !draft.sso) refuse("password: missing; only an account with sso needs none");
    refuse_limited_owner(draft.role, draft.tags);
    refuse_lockout(call.caller, draft.role);
    if (password) draft.password = co_await context.access.hash(*password);
    const auto add = [&draft](Store& store) { return store.accounts().add_account(draft); };
    const UserAccount added = co_await context.store.call(add);
    note_change(context, call.caller, "account added", in_short(added));
    co_return answer_with_account(added);
}

asio::awaitable<Response> update_account(const ApiContext& context, const Call& call)
{
    const std::optional<std::string> password = read_new_password(call.params, "password");
    const auto role = read_role(call.params);
    const auto tags = read_tags(call.params);
    const auto sso = call.params.boolean("sso");
    if (!password && !role && !tags && !sso) {
        refuse("nothing to change: none of password, role, tags and sso was given");
    }
    UserAccount account = co_await read_account(context, read_name(call.params));
    if (role) account.role = *role;
    if (tags) account.tags = *tags;
    refuse_limited_owner(account.role, account.tags);
    if (sso) {
        account.sso = *sso;
        if (!*sso) account.identity.clear();
    }
    if (password) account.password = co_await context.access.hash(*password);
    const auto update = [&account](Store& store) {
        return store.accounts().update_account(account);
    };
    const bool is_there = co_await context.store.call(update);
    if (!is_there) refuse_unknown_account(account.name);
    note_change(context, call.caller, password ? "password set" : "account changed",
                in_short(account));
    co_return answer_with_account(account);
}

asio::awaitable<Response> delete_account(const ApiContext& context, const Call& call)
{
    const UserAccount account = co_await read_account(context, read_name(call.params));
    const auto remove = [id = account.id](Store& store) {
        return store.accounts().delete_account(id);
    };
    const bool was_there = co_await context.store.call(remove);
    if (!was_there) refuse_unknown_account(account.name);
    note_change(context, call.caller, "account deleted", in_short(account));
    co_return answer_with_account(account);
}

/// People change their own passwords; other sessions of theirs end, and this one, too.
asio::awaitable<Response> change_password(const ApiContext& context, const Call& call)
{
    if (call.caller.proof != Proof::session) {
        refuse("password: only somebody who has signed in here can change it");
    }
    const std::optional<std::string> fresh = read_new_password(call.params, "new_password");
    if (!fresh) refuse("new_password: missing");
    UserAccount account = co_await read_account(context, call.caller.name);
    if (account.password.empty()) {
        refuse("password: this account has none; the provider signs in its person");
    }
    std::string old = call.params.text("password").value_or("");
    const bool is_right =
        co_await context.access.is_password_of(account, std::move(old), call.caller.address);
    if (!is_right) throw HttpError(http::status::forbidden, "password: it is another one");
    account.password = co_await context.access.hash(*fresh);
    const auto update = [&account](Store& store) {
        return store.accounts().update_account(account);
    };
    const bool is_there = co_await context.store.call(update);
    if (!is_there) refuse_unknown_account(account.name);
    note_change(context, call.caller, "password set", in_short(account));
    co_return answer_with_account(account);
}

}  // namespace

void add_account_routes(Router& router, const ApiContext& context)
{
    const std::vector<Param> fields{
        {.name = "name", .required = true},
        {.name = "password", .is_secret = true},
        {.name = "role"},
        {.name = "tags", .type = ParamType::words},
        {.name = "sso", .type = ParamType::boolean},
    };
    router.add({
        .pattern = "/account/list",
        .methods = {http::verb::get},
        .role = Role::owner,
        .handler = bind(context, list_accounts),
    });
    router.add({
        .pattern = "/account/add",
        .methods = {http::verb::post},
        .role = Role::owner,
        .mutates = true,
        .params = fields,
        .strictness = Strictness::strict,
        .handler = bind(context, add_account),
    });
    router.add({
        .pattern = "/account/update",
        .methods = {http::verb::post},
        .role = Role::owner,
        .mutates = true,
        .params = fields,
        .strictness = Strictness::strict,
        .handler = bind(context, update_account),
    });
    router.add({
        .pattern = "/account/delete",
        .methods = {http::verb::post},
        .role = Role::owner,
        .mutates = true,
        .params = {{.name = "name", .required = true}},
        .strictness = Strictness::strict,
        .handler = bind(context, delete_account),
    });
    router.add({
        .pattern = "/account/password",
        .methods = {http::verb::post},
        .role = Role::read,
        .scope = Scope::none,
        .mutates = true,
        .params = {{.name = "password", .required = true, .is_secret = true},
                   {.name = "new_password", .required = true, .is_secret = true}},
        .strictness = Strictness::strict,
        .handler = bind(context, change_password),
    });
}

}  // namespace peercron
