#include "store/job_query.hpp"

#include "model/outcome.hpp"

#include <spdlog/fmt/fmt.h>

#include <string>
#include <vector>

namespace peercron {
namespace {

/// "last_state IN ('failed', …)": those of which `is_one` says yes.
std::string last_state_among(bool (*is_one)(Outcome))
{
    std::vector<std::string> words;
    for (std::size_t i = 0; i < outcome_words.size(); ++i) {
        if (is_one(static_cast<Outcome>(i))) words.push_back(fmt::format("'{}'", outcome_words[i]));
    }
    return fmt::format("last_state IN ({})", fmt::join(words, ", "));
}

bool is_ok(Outcome outcome)
{
    return !is_failure(outcome) && !is_missed(outcome);
}

std::string running_jobs(std::string_view log)
{
    return fmt::format("SELECT cron_id FROM {} WHERE state = 'running'", log);
}

/// A daemon that is up is well, however its start before ended.
std::string is_live_daemon(std::string_view log)
{
    return fmt::format("(kind = 'daemon' AND id IN ({}))", running_jobs(log));
}

}  // namespace

std::string state_terms(JobState state, std::string_view log)
{
    const std::string live = is_live_daemon(log);
    const auto by_last_state = [](const std::string& term) {
        return fmt::format("id IN (SELECT cron_id FROM cron_counter WHERE {})", term);
    };
    const auto alarm = [&](const std::string& term) {
        return fmt::format(" AND stop = 0 AND {} AND NOT {}", by_last_state(term), live);
    };
    switch (state) {
        case JobState::enabled:
            return " AND stop = 0";
        case JobState::stopped:
            return " AND stop <> 0";
        case JobState::failing:
            return alarm(last_state_among(is_failure));
        case JobState::missed:
            return alarm(last_state_among(is_missed));
        case JobState::ok:
            return fmt::format(" AND stop = 0 AND ({} OR {})",
                               by_last_state(last_state_among(is_ok)), live);
        case JobState::running:
            return fmt::format(" AND id IN ({})", running_jobs(log));
        case JobState::fresh:
            break;
    }
    return fmt::format(
        " AND stop = 0 AND id NOT IN"
        " (SELECT cron_id FROM cron_counter WHERE last_state IS NOT NULL) AND NOT {}",
        live);
}

std::string order_terms(const JobFilter& filter, std::string_view log)
{
    const std::string_view direction = filter.descending ? "DESC" : "ASC";
    const auto by_column = [direction](std::string_view column) {
        return fmt::format(" ORDER BY {0} IS NULL, {0} {1}, id", column, direction);
    };
    switch (filter.order) {
        case JobOrder::name:
            return by_column("name");
        case JobOrder::last_run_at:
            return by_column("last_run_at");
        case JobOrder::usual_time:
            return by_column("usual_time");
        case JobOrder::late_p99:
            return by_column("late_p99");
        case JobOrder::state:
            return fmt::format(
                " ORDER BY CASE WHEN stop <> 0 THEN 4 WHEN {} THEN 2 WHEN {} THEN 0 WHEN {} THEN 1"
                " WHEN last_state IS NOT NULL THEN 2 ELSE 3 END {}, id",
                is_live_daemon(log), last_state_among(is_failure), last_state_among(is_missed),
                direction);
        case JobOrder::id:
            break;
    }
    return fmt::format(" ORDER BY id {}", direction);
}

std::string select_state_counts(std::string_view log)
{
    const std::string live = is_live_daemon(log);
    return fmt::format(
        "SELECT COUNT(*), COALESCE(SUM(stop <> 0), 0),"
        " COALESCE(SUM(stop = 0 AND {0} AND NOT {3}), 0),"
        " COALESCE(SUM(stop = 0 AND {1} AND NOT {3}), 0),"
        " COALESCE(SUM(stop = 0 AND ({2} OR {3})), 0),"
        " COALESCE(SUM(stop = 0 AND last_state IS NULL AND NOT {3}), 0),"
        " (SELECT COUNT(DISTINCT cron_id) FROM {4} WHERE state = 'running')"
        " FROM cron LEFT JOIN cron_counter ON cron_id = id",
        last_state_among(is_failure), last_state_among(is_missed), last_state_among(is_ok), live,
        log);
}

}  // namespace peercron
