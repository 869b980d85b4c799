#include "http/router.hpp"

#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "http/text.hpp"
#include "store/store.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
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

Response answer_away(const StoreError& away, const Request& request, bool mutates)
{
    spdlog::warn("http: {}: the store: {}", target_of(request), away.what());
    std::string message = fmt::format("the store is away: {}", away.what());
    if (mutates)
        message += "; it is not known whether the change was made: check before you repeat it";
    HttpError unavailable(http::status::service_unavailable, message);
    return refusal(unavailable.with(http::field::retry_after, "5"));
}

/// How to ask a route for less.
std::string less_of(const Route& route)
{
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> ways{{
        {"from", "a shorter time (from, to)"},
        {"cron_id", "one job (cron_id)"},
        {"job", "one job (job)"},
        {"name", "one name (name)"},
    }};
    std::vector<std::string_view> taken;
    for (const auto& [param, way] : ways) {
        if (std::ranges::count(route.params, param, &Param::name) > 0) taken.push_back(way);
    }
    return fmt::format("{}", fmt::join(taken, " or "));
}

/// 504, and no Retry-After: 503 is what clients repeat by themselves, and the same question keeps
/// the database busy for as long again.
Response answer_too_long(const TookTooLong& error, const Request& request, const Route& route)
{
    spdlog::info("http: {}: took the store too long: {}", target_of(request), error.what());
    const std::string less = less_of(route);
    const std::string advice =
        less.empty() ? "the database is busy, or a table of it is locked" : "ask for less: " + less;
    return refusal(http::status::gateway_timeout,
                   fmt::format("this takes the store too long: {}; {}", error.what(), advice));
}

/// The error as an answer; cancellation is no error and goes on.
/// @param route the one that was called, if it came to that.
Response answer_to(const std::exception_ptr& error, const Request& request, const Route* route)
{
    const bool mutates = route != nullptr && route->mutates;
    try {
        std::rethrow_exception(error);
    } catch (const HttpError& refused) {
        return refusal(refused);
    } catch (const NameTaken& taken) {
        return refusal(http::status::conflict, fmt::format("name: {}", taken.what()));
    } catch (const TookTooLong& slow) {
        if (route == nullptr || mutates) return answer_away(slow, request, mutates);
        return answer_too_long(slow, request, *route);
    } catch (const StoreError& away) {
        return answer_away(away, request, mutates);
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;
        spdlog::error("http: {}: {}", target_of(request), e.what());
    } catch (const std::exception& e) {
        spdlog::error("http: {}: {}", target_of(request), e.what());
    }
    return refusal(http::status::internal_server_error,
                   "an internal error of peercron; the log of this node has the details");
}

}  // namespace

std::variant<Router::Admission, Response> Router::admit(const Request& request) const
{
    const Route* route = nullptr;
    try {
        const Target target = parse_target(request);
        Match matched = match(request, target);
        route = matched.route;
        Caller caller = access_.admit(request, route->role);
        if (route->mutates) refuse_cross_site(request);
        return Admission{route, std::move(caller), std::move(matched.id),
                         std::string(target.query)};
    } catch (...) {
        Response refused = answer_to(std::current_exception(), request, route);
        if (route != nullptr) refused.route = route->pattern;
        return refused;
    }
}

asio::awaitable<Response> Router::handle(const Request& request, Admission admitted) const
{
    const Route& route = *admitted.route;
    std::exception_ptr error;
    try {
        const Call received{std::move(admitted.caller), std::move(admitted.id),
                            Params::read(request, admitted.query, route.params, route.strictness)};
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
