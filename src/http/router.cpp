#include "http/router.hpp"

#include "base/percent.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view id_segment = "{id}";

bool takes(const Route& route, http::verb method)
{
    if (method == http::verb::head && !route.mutates) method = http::verb::get;
    return std::find(route.methods.begin(), route.methods.end(), method) != route.methods.end();
}

/// "GET, HEAD" for the header Allow.
std::string allowed(const Route& route)
{
    std::string names;
    for (const http::verb method : {http::verb::get, http::verb::head, http::verb::post}) {
        if (!takes(route, method)) continue;
        if (!names.empty()) names += ", ";
        names += std::string(http::to_string(method));
    }
    return names;
}

std::vector<std::string_view> split(std::string_view path)
{
    std::vector<std::string_view> segments;
    path.remove_prefix(1);
    for (;;) {
        const auto slash = path.find('/');
        segments.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return segments;
        path.remove_prefix(slash + 1);
    }
}

std::string_view target_of(const Request& request)
{
    const auto target = request.message.target();
    return {target.data(), target.size()};
}

}  // namespace

asio::awaitable<std::variant<Router::Admission, Response>> Router::admit(
    const Request& request) const
{
    using Outcome = std::variant<Admission, Response>;
    const Route* route = nullptr;
    std::exception_ptr error;
    try {
        const Target target = parse_target(request);
        Match matched = match(request, target);
        route = matched.route;
        Admission admitted = co_await admit(request, target, std::move(matched));
        co_return Outcome(std::move(admitted));
    } catch (...) {
        error = std::current_exception();
    }
    Response refused = answer_to(error, request, route);
    if (route != nullptr) refused.route = route->pattern;
    co_return Outcome(std::move(refused));
}

asio::awaitable<Router::Admission> Router::admit(const Request& request, const Target& target,
                                                 Match matched) const
{
    const Route& route = *matched.route;
    Caller caller = co_await access_.admit(request, route.role);
    if (route.mutates) {
        refuse_cross_site(request);
        if (caller.is_of_browser()) refuse_forged(request);
    }
    if (caller.is_limited() && route.scope == Scope::all) {
        throw HttpError(
            http::status::forbidden,
            fmt::format("{} is limited to jobs with the tags {}; this call is about all jobs",
                        quote_utf8(caller.name), fmt::join(caller.tags, ",")));
    }
    const bool is_about_one = route.scope == Scope::job || route.scope == Scope::run;
    if (caller.is_limited() && is_about_one) co_await limit_(route, caller, matched.id);
    co_return Admission{&route, std::move(caller), std::move(matched.id),
                        std::string(target.query)};
}

asio::awaitable<Response> Router::handle(const Request& request, Admission admitted) const
{
    const Route& route = *admitted.route;
    std::exception_ptr error;
    try {
        const Call received{std::move(admitted.caller),
                            std::move(admitted.id),
                            Params::read(request, admitted.query, route.params, route.strictness),
                            request.message,
                            access_.is_private(request),
                            access_.is_https(request)};
        Response response = co_await route.handler(received);
        response.route = route.pattern;
        co_return response;
    } catch (...) {
        error = std::current_exception();
    }
    Response response = answer_to(error, request, &route);
    response.route = route.pattern;
    co_return response;
}

/// The error as an answer; cancellation is no error and goes on.
/// @param route the one that was called, if it came to that.
Response Router::answer_to(const std::exception_ptr& error, const Request& request,
                           const Route* route) const
{
    std::string what;
    try {
        std::rethrow_exception(error);
    } catch (const HttpError& refused) {
        return refusal(refused);
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;
        what = e.what();
    } catch (const std::exception& e) {
        what = e.what();
    }
    std::optional<HttpError> explained;
    if (route != nullptr && explain_) explained = explain_(error, request, *route);
    if (explained) return refusal(*explained);
    spdlog::error("http: {}: {}", target_of(request), what);
    return refusal(http::status::internal_server_error,
                   "an internal error of peercron; the log of this node has the details");
}

Router::Target Router::parse_target(const Request& request)
{
    std::string_view text = target_of(request);
    const std::string_view whole = text;
    // RFC 9112, 3.2.2: a server accepts the absolute form, too.
    const auto scheme = text.find("://");
    if (!text.starts_with('/') && scheme != std::string_view::npos) {
        text.remove_prefix(scheme + 3);
        const auto slash = text.find('/');
        text = slash == std::string_view::npos ? std::string_view("/") : text.substr(slash);
    }
    if (!text.starts_with('/')) {
        refuse(fmt::format("the request's target {} is not a path such as /cron/list",
                           quote_utf8(whole)));
    }
    text = text.substr(0, text.find('#'));
    Target target;
    const auto question = text.find('?');
    if (question != std::string_view::npos) target.query = text.substr(question + 1);
    for (const std::string_view segment : split(text.substr(0, question))) {
        auto decoded = decode_percent(segment);
        if (!decoded) {
            refuse(fmt::format("the path {} has a '%' that two hexadecimal digits do not follow",
                               quote_utf8(whole)));
        }
        target.segments.push_back(*std::move(decoded));
    }
    return target;
}

Router::Match Router::match(const Request& request, const Target& target) const
{
    Match best;
    for (const Route& route : routes_) {
        const auto pattern = split(route.pattern);
        if (pattern.size() != target.segments.size()) continue;
        Match candidate{&route, {}};
        bool fits = true;
        for (std::size_t i = 0; fits && i < pattern.size(); ++i) {
            if (pattern[i] == id_segment) {
                candidate.id = target.segments[i];
            } else {
                fits = pattern[i] == target.segments[i];
            }
        }
        const bool literal = route.pattern.find(id_segment) == std::string::npos;
        if (fits && (best.route == nullptr || literal)) best = std::move(candidate);
    }
    if (best.route == nullptr) {
        throw HttpError(http::status::not_found,
                        fmt::format("there is no path {}; /openapi.json lists all paths",
                                    quote_utf8(target_of(request))));
    }
    if (!takes(*best.route, request.message.method())) {
        const auto given = request.message.method_string();
        throw HttpError(http::status::method_not_allowed,
                        fmt::format("{} does not take {}; allowed: {}", best.route->pattern,
                                    quote_utf8({given.data(), given.size()}), allowed(*best.route)))
            .with(http::field::allow, allowed(*best.route));
    }
    return best;
}

}  // namespace peercron
