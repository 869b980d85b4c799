#include "store/log_query.hpp"

#include "model/missed.hpp"
#include "model/run_request.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>

namespace peercron {

std::string time_terms(const std::optional<WallTime>& from, const std::optional<WallTime>& to)
{
    using std::chrono::seconds;
    // Column time is the second of scheduled_at, or counts for rows that have none.
    std::string terms;
    if (from) {
        const auto second = std::chrono::floor<seconds>(*from);
        terms += fmt::format(" AND time >= {}", second.time_since_epoch().count());
        if (second != *from) {
            terms += fmt::format(" AND COALESCE(scheduled_at, time * 1000) >= {}",
                                 to_unix_millis(*from));
        }
    }
    if (to) {
        const auto second = std::chrono::ceil<seconds>(*to);
        terms += fmt::format(" AND time < {}", second.time_since_epoch().count());
        if (second != *to) {
            terms +=
                fmt::format(" AND COALESCE(scheduled_at, time * 1000) < {}", to_unix_millis(*to));
        }
    }
    return terms;
}

std::string missed_terms()
{
    std::string causes;
    for (const Cause cause : missed_causes) {
        causes += fmt::format("{}'{}'", causes.empty() ? "" : ", ", to_string(cause));
    }
    return fmt::format(
        " AND ((state = 'skipped' AND cause IN ({})) OR (state = 'lost' AND NOT EXISTS"
        " (SELECT 1 FROM log AS next WHERE next.cron_id = log.cron_id"
        " AND next.scheduled_at = log.scheduled_at AND next.attempt = log.attempt + 1"
        " AND next.part = log.part)))"
        " AND requested_by NOT LIKE '%{}%'",
        causes, rehearsal_mark);
}

std::string oddity_terms(const LogFilter& filter)
{
    // No word is a part of another one.
    if (!filter.oddity) return "";
    return fmt::format(" AND oddities LIKE '%{}%'", to_string(*filter.oddity));
}

std::string id_terms(const IdBlocks& blocks)
{
    const std::string newer = fmt::format("id >= {}", blocks.end);
    if (blocks.blocks.empty()) return " AND " + newer;
    const std::int64_t first = blocks.blocks.front().first;
    const std::int64_t last_end = blocks.last_end();
    if (last_end == blocks.end) return fmt::format(" AND id >= {}", first);
    return fmt::format(" AND ((id >= {} AND id < {}) OR {})", first, last_end, newer);
}

bool is_left_by_rows(const LogFilter& filter)
{
    return filter.state || filter.missed || filter.unusual || filter.has_tags();
}

PageSource source_of(const LogFilter& filter, const Slice& slice, const PageHint& hint,
                     const std::function<std::int64_t(std::int64_t end)>& count_newer)
{
    PageSource source{{std::nullopt, std::nullopt, slice.offset}};
    if (!hint.list || hint.list->blocks.empty()) return source;
    const std::int64_t newer = count_newer(hint.list->end);
    source.place =
        place_descending(*hint.list, static_cast<std::size_t>(newer), slice.offset, slice.limit);
    if (filter.is_time_only()) {
        // Mostly rows lie together that were due together. If not, they are sorted.
        const bool together = source.place.ids <= hint.list->rows() + newer;
        source.order = together ? PageSource::Order::by_id : PageSource::Order::by_time;
    }
    return source;
}

}  // namespace peercron
