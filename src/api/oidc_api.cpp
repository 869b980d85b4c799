#include "access/access_book.hpp"
#include "access/secret.hpp"
#include "api/routes.hpp"
#include "api/session_cookies.hpp"
#include "base/markup.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "oidc/oidc_provider.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// With what a browser that comes back from the provider shows that it is the one that went. It
/// comes back from another site, so this cookie has to be sent from there.
constexpr std::string_view secure_attempt_cookie = "__Host-peercron-sign-in";
constexpr std::string_view attempt_cookie = "peercron-sign-in";
constexpr std::size_t secret_size = 43;  // see random_secret()
/// How long a person has for what the provider asks.
constexpr auto attempt_life = 10min;

std::string attempt_cookie_for(const Call& call, std::string_view secret, std::chrono::seconds life)
{
    return make_cookie(call, call.is_https ? secure_attempt_cookie : attempt_cookie, secret, life,
                       SameSite::lax);
}

OidcProvider& provider(const ApiContext& context)
{
    if (context.oidc != nullptr) return *context.oidc;
    throw HttpError(http::status::not_found,
                    "nobody signs in by a provider here: [oidc] issuer is not set");
}

/// What a browser shows, which has left the console for this.
Response page_about(http::status status, std::string_view why)
{
    Response response;
    response.status = status;
    response.content_type = "text/html; charset=utf-8";
    response.body = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\">"
        "<title>peercron: not signed in</title>\n"
        "<h1>Not signed in</h1>\n<p>{}</p>\n<p><a href=\"../../ui/\">Sign in "
        "again</a></p>\n</html>\n",
        escape_markup(why));
    return response;
}

asio::awaitable<Response> list_methods(const ApiContext& context, const Call&)
{
    const auto write = [&context](JsonWriter& json) {
        json.begin_object();
        json.field("oidc", context.oidc == nullptr ? std::nullopt
                                                   : std::optional(context.oidc->settings().name));
        json.end_object();
    };
    co_return answer(write);
}

asio::awaitable<Response> begin(const ApiContext& context, const Call& call)
{
    OidcProvider& at = provider(context);
    refuse_plain_sign_in(context, call);
    const std::string secret = random_secret();
    const std::string url = co_await at.sign_in_url(SignInAttempt(secret));
    Response response = answer([&url](JsonWriter& json) {
        json.begin_object();
        json.field("url", url);
        json.end_object();
    });
    response.headers.emplace_back(http::field::set_cookie,
                                  attempt_cookie_for(call, secret, attempt_life));
    co_return response;
}

/// The attempt that this browser has begun. Throws HttpError 403.
SignInAttempt attempt_of(const Call& call)
{
    const std::string_view secret =
        shown_cookie(call.headers, call.is_https ? secure_attempt_cookie : attempt_cookie);
    SignInAttempt attempt{std::string(secret)};
    // Everybody knows the state of an empty secret.
    const bool is_own =
        secret.size() == secret_size && attempt.is_state(call.params.text("state").value_or(""));
    if (!is_own) {
        throw HttpError(http::status::forbidden,
                        "this sign-in was not begun in this browser, or more than 10 minutes ago, "
                        "or another one was begun since");
    }
    return attempt;
}

/// @param is_known set when the provider has said who it is: from then on the book tells of it.
asio::awaitable<AccessBook::NewSession> finish(const ApiContext& context, const Call& call,
                                               bool& is_known)
{
    OidcProvider& at = provider(context);
    refuse_plain_sign_in(context, call);
    SignInAttempt attempt = attempt_of(call);
    if (const auto error = call.params.text("error")) {
        const std::string details = call.params.text("error_description").value_or("");
        throw HttpError(
            http::status::forbidden,
            fmt::format("the provider refused: {}{}{}", quote_utf8(*error),
                        details.empty() ? "" : ": ", details.empty() ? "" : quote_utf8(details)));
    }
    std::string code = call.params.text("code").value_or("");
    if (code.empty()) refuse("code: missing; the provider has to send it, or an error");
    std::string issuer = call.params.text("iss").value_or("");
    ProviderPerson person =
        co_await at.person_of(std::move(code), std::move(issuer), std::move(attempt));
    is_known = true;
    co_return co_await context.access.sign_in(std::move(person), call.caller.address);
}

/// The browser comes back from the provider; every outcome is something for a person to see.
asio::awaitable<Response> come_back(const ApiContext& context, const Call& call)
{
    Response response;
    std::string why;
    bool is_known = false;
    try {
        const AccessBook::NewSession session = co_await finish(context, call, is_known);
        response.status = http::status::see_other;
        // Below whatever path a proxy has put this.
        response.headers.emplace_back(http::field::location, "../../ui/");
        response.headers.emplace_back(
            http::field::set_cookie,
            session_cookie_for(call, session.secret, Session::longest_life));
    } catch (const HttpError& refused) {
        why = refused.what();
        response = page_about(refused.status(), why);
    } catch (const NameTaken&) {
        why = "the same person has signed in twice at the same moment";
        response = page_about(http::status::conflict, why);
    } catch (const StoreError& away) {
        why = fmt::format("the store is away: {}", away.what());
        response = page_about(http::status::service_unavailable, why);
    }
    if (!why.empty() && !is_known)
        context.access.note_refusal({"anonymous", call.caller.address, why});
    // Good for one try.
    response.headers.emplace_back(http::field::set_cookie, attempt_cookie_for(call, "", 0s));
    co_return response;
}

}  // namespace

void add_oidc_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/session/methods",
        .methods = {http::verb::get},
        .role = std::nullopt,
        .scope = Scope::none,
        .handler = bind(context, list_methods),
    });
    router.add({
        .pattern = "/session/oidc/start",
        .methods = {http::verb::post},
        .role = std::nullopt,
        .scope = Scope::none,
        .mutates = true,
        .strictness = Strictness::strict,
        .handler = bind(context, begin),
    });
    router.add({
        .pattern = "/session/oidc/callback",
        .methods = {http::verb::get},
        .role = std::nullopt,
        .scope = Scope::none,
        .params = {{.name = "state"},
                   {.name = "code"},
                   {.name = "iss"},
                   {.name = "error"},
                   {.name = "error_description"}},
        .handler = bind(context, come_back),
    });
}

}  // namespace peercron
