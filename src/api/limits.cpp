#include "api/limits.hpp"

#include "api/routes.hpp"
#include "base/utf8.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>

namespace peercron {

bool is_within(const std::vector<std::string>& tags, const Job& job)
{
    return is_within(tags, job.tags);
}

bool is_within(const std::vector<std::string>& tags, const std::vector<std::string>& of_job)
{
    const auto has = [&of_job](const std::string& tag) {
        return std::ranges::find(of_job, tag) != of_job.end();
    };
    return tags.empty() || std::ranges::any_of(tags, has);
}

asio::awaitable<void> keep_to_jobs(const ApiContext& context, const Route& route,
                                   const Caller& caller, std::string id)
{
    const bool is_run = route.scope == Scope::run;
    const std::int64_t number = is_run ? parse_row_id("id", id) : parse_job_id("id", id);
    const auto find = [is_run, number](Store& store) -> std::optional<Job> {
        if (!is_run) return store.find_job(number);
        const std::optional<LogRow> row = store.find_log_row(number);
        return row ? store.find_job(row->run.id.job) : std::nullopt;
    };
    const std::optional<Job> job = co_await context.store.call(find);
    if (job && is_within(caller.tags, *job)) co_return;
    if (is_run) refuse_unknown_row(id);
    refuse_unknown_job(id);
}

void refuse_all_jobs(const Caller& caller)
{
    throw HttpError(http::status::forbidden,
                    fmt::format("{} is limited to jobs with the tags {}; this would be about all "
                                "jobs: name one (cron_id)",
                                quote_utf8(caller.name), fmt::join(caller.tags, ",")));
}

void refuse_out_of_reach(const Caller& caller, const Job& job)
{
    if (is_within(caller.tags, job)) return;
    throw HttpError(http::status::forbidden,
                    fmt::format("tags: given {}; {} is limited to jobs with one of the tags {}, so "
                                "the job has to have one of them",
                                quote_utf8(fmt::format("{}", fmt::join(job.tags, ","))),
                                quote_utf8(caller.name), fmt::join(caller.tags, ",")));
}

}  // namespace peercron
