#include "api/store_errors.hpp"

#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {
namespace {

std::string_view target_of(const Request& request)
{
    const auto target = request.message.target();
    return {target.data(), target.size()};
}

HttpError explain_away(const StoreError& away, const Request& request, const Route& route)
{
    spdlog::warn("http: {}: the store: {}", target_of(request), away.what());
    std::string message = fmt::format("the store is away: {}", away.what());
    if (route.mutates)
        message += "; it is not known whether the change was made: check before you repeat it";
    HttpError unavailable(http::status::service_unavailable, message);
    return unavailable.with(http::field::retry_after, "5");
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

/// No Retry-After: 503 is what clients repeat by themselves, and the same question keeps the
/// database busy for as long again.
HttpError explain_too_long(const TookTooLong& error, const Request& request, const Route& route)
{
    spdlog::info("http: {}: took the store too long: {}", target_of(request), error.what());
    const std::string less = less_of(route);
    const std::string advice =
        less.empty() ? "the database is busy, or a table of it is locked" : "ask for less: " + less;
    return {http::status::gateway_timeout,
            fmt::format("this takes the store too long: {}; {}", error.what(), advice)};
}

}  // namespace

std::optional<HttpError> explain_store_error(const std::exception_ptr& error,
                                             const Request& request, const Route& route)
{
    try {
        std::rethrow_exception(error);
    } catch (const NameTaken& taken) {
        return HttpError(http::status::conflict, fmt::format("name: {}", taken.what()));
    } catch (const TookTooLong& slow) {
        if (route.mutates) return explain_away(slow, request, route);
        return explain_too_long(slow, request, route);
    } catch (const StoreError& away) {
        return explain_away(away, request, route);
    } catch (...) {
        return std::nullopt;
    }
}

}  // namespace peercron
