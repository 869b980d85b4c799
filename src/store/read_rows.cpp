#include "store/read_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

namespace peercron {

const std::string& field_columns()
{
    static const std::string columns = [] {
        std::array<std::string_view, job_fields.size()> names;
        std::ranges::transform(job_fields, names.begin(), &JobField::name);
        return fmt::format("{}", fmt::join(names, ", "));
    }();
    return columns;
}

const std::string& job_columns()
{
    static const std::string columns =
        fmt::format("id, {}, run_num, last_run_at, ", field_columns());
    return columns;
}

std::string log_excerpt_columns(std::string_view beginning, std::string_view bytes)
{
    constexpr std::string_view whole = " output,";
    std::string columns(log_columns);
    columns.replace(columns.find(whole), whole.size(), fmt::format(" {},", beginning));
    return fmt::format("{}, {} ", columns, bytes);
}

std::string select_doubled(const DoubledQuery& query)
{
    std::string columns(other_account_columns);
    if (!query.with_output) columns.replace(columns.rfind("d.output"), 8, "''");
    std::string sql = fmt::format(
        "SELECT {}, l.cron_id, l.scheduled_at, l.attempt, l.part, l.parts, l.state, l.run_server,"
        " l.started_at, l.ended_at, cron.name FROM doubled_run AS d JOIN log AS l ON l.id = "
        "d.log_id"
        " LEFT JOIN cron ON cron.id = l.cron_id WHERE d.id > {}",
        columns, query.after);
    if (query.job) sql += fmt::format(" AND l.cron_id = {}", *query.job);
    if (query.log_id) sql += fmt::format(" AND d.log_id = {}", *query.log_id);
    if (query.from) sql += fmt::format(" AND l.scheduled_at >= {}", to_unix_millis(*query.from));
    if (query.to) sql += fmt::format(" AND l.scheduled_at < {}", to_unix_millis(*query.to));
    return sql + fmt::format(" ORDER BY d.id LIMIT {}", query.limit);
}

RunState read_state(std::string_view text)
{
    if (const auto state = parse_run_state(text)) return *state;
    throw StoreError("table log has a state that this program does not know: " + std::string(text));
}

std::vector<JobPast> pasts_of(std::span<const JobId> jobs, std::vector<Revision> revisions,
                              std::size_t most)
{
    const bool cut = revisions.size() >= most && !revisions.empty();
    const JobId last = cut ? revisions.back().job : 0;
    std::vector<JobPast> pasts;
    auto next = revisions.begin();
    for (const JobId job : jobs) {
        if (cut && job == last && !pasts.empty()) break;
        JobPast past;
        past.job = job;
        past.whole = !cut || job != last;
        for (; next != revisions.end() && next->job == job; ++next) {
            past.revisions.push_back(std::move(*next));
        }
        const bool behind = cut && job == last;
        pasts.push_back(std::move(past));
        if (behind) break;
    }
    return pasts;
}

}  // namespace peercron
