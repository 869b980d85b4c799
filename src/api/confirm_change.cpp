#include "api/confirm_change.hpp"

#include "api/await_answer.hpp"
#include "http/message.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace peercron {

asio::awaitable<void> confirm_change(const ApiContext& context, std::vector<JobId> jobs,
                                     std::string what, std::string_view meanwhile)
{
    const Result<void> confirmed = co_await await_answer(context.announce(std::move(jobs)));
    if (confirmed.has_error()) throw_unconfirmed(what, confirmed.error().message, meanwhile);
}

void throw_unconfirmed(std::string_view what, std::string_view why, std::string_view meanwhile)
{
    const std::string message =
        fmt::format("{}, but no dispatcher has confirmed it yet ({}): {}", what, why, meanwhile);
    spdlog::warn("http: {}", message);
    throw HttpError(http::status::service_unavailable, message);
}

}  // namespace peercron
