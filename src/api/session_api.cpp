#include "access/access_book.hpp"
#include "api/access_changes.hpp"
#include "api/routes.hpp"
#include "api/session_cookies.hpp"
#include "http/answer.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace peercron {
namespace {

asio::awaitable<Response> sign_in(const ApiContext& context, const Call& call)
{
    refuse_plain_sign_in(context, call);
    std::string name = call.params.text("name").value_or("");
    std::string password = call.params.text("password").value_or("");
    const AccessBook::NewSession session =
        co_await context.access.sign_in(std::move(name), std::move(password), call.caller.address);
    Response response = answer([&session](JsonWriter& json) {
        json.begin_object();
        json.field("name", session.account.name);
        json.field("role", to_string(session.account.role));
        write_tags(json, session.account.tags);
        json.field("ends_at", to_unix_millis(session.ends_at));
        json.end_object();
    });
    response.headers.emplace_back(http::field::set_cookie,
                                  session_cookie_for(call, session.secret, Session::longest_life));
    co_return response;
}

/// Of a session that is over already, too, so that the browser forgets the cookie.
asio::awaitable<Response> sign_out(const ApiContext& context, const Call& call)
{
    const std::string secret(shown_session(call.headers, call.is_https));
    const bool has_ended = !secret.empty() && co_await context.access.sign_out(secret);
    Response response = answer([has_ended](JsonWriter& json) {
        json.begin_object();
        json.field("signed_out", has_ended);
        json.end_object();
    });
    response.headers.emplace_back(http::field::set_cookie,
                                  session_cookie_for(call, "", std::chrono::seconds(0)));
    co_return response;
}

}  // namespace

void add_session_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/session/sign-in",
        .methods = {http::verb::post},
        .role = std::nullopt,
        .scope = Scope::none,
        .mutates = true,
        .params = {{.name = "name", .required = true},
                   {.name = "password", .required = true, .is_secret = true}},
        .strictness = Strictness::strict,
        .handler = bind(context, sign_in),
    });
    router.add({
        .pattern = "/session/sign-out",
        .methods = {http::verb::post},
        .role = std::nullopt,
        .scope = Scope::none,
        .mutates = true,
        .strictness = Strictness::strict,
        .handler = bind(context, sign_out),
    });
}

}  // namespace peercron
