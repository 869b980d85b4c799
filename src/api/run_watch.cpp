#include "api/run_watch.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace peercron {
namespace {

/// Rows of one list.
constexpr std::size_t most_watched_rows = 1000;

/// Of each row's output; 0 would be all of it.
constexpr std::size_t least_output = 1;

std::vector<LogRow> read_rows(Store& store, const LogFilter& filter, std::size_t limit)
{
    return store.log_page(filter, Slice{0, limit}, {}, least_output);
}

}  // namespace

std::vector<std::int64_t> RunWatch::open() const
{
    std::vector<std::int64_t> ids;
    ids.reserve(open_.size());
    for (const auto& [id, state] : open_) ids.push_back(id);
    return ids;
}

std::optional<std::vector<LogRow>> RunWatch::take(RunNews news)
{
    std::vector<LogRow> changed;
    if (news.is_beginning) {
        watermark_ = news.newest_id;
        for (const LogRow& row : news.open) {
            // Those above the watermark come by themselves.
            if (row.id <= news.newest_id) open_.emplace(row.id, row.run.state);
        }
    } else {
        // What was asked for and is not there was deleted.
        std::map<std::int64_t, RunState> still_open;
        for (LogRow& row : news.watched) {
            const auto known = open_.find(row.id);
            const RunState state = row.run.state;
            if (!is_final(state)) still_open.emplace(row.id, state);
            if (known == open_.end() || known->second != state) changed.push_back(std::move(row));
        }
        open_ = std::move(still_open);
    }
    for (LogRow& row : news.added) {
        watermark_ = std::max(*watermark_, row.id);
        if (!is_final(row.run.state)) open_.emplace(row.id, row.run.state);
        changed.push_back(std::move(row));
    }
    if (!news.is_too_much && open_.size() <= most_watched) return changed;
    open_.clear();
    watermark_.reset();
    return std::nullopt;
}

RunNews read_run_news(Store& store, std::optional<std::int64_t> watermark,
                      const std::vector<std::int64_t>& open)
{
    RunNews news;
    if (!watermark) {
        news.is_beginning = true;
        // First: what comes after it is read the next time.
        const std::vector<LogRow> newest = read_rows(store, {}, 1);
        if (!newest.empty()) news.newest_id = newest.front().id;
        for (const RunState state : {RunState::planned, RunState::running}) {
            LogFilter filter;
            filter.state = state;
            std::vector<LogRow> rows = read_rows(store, filter, most_watched_rows);
            if (rows.size() == most_watched_rows) news.is_too_much = true;
            std::ranges::move(rows, std::back_inserter(news.open));
        }
        return news;
    }
    LogFilter added;
    added.after_id = *watermark;
    news.added = read_rows(store, added, most_watched_rows);
    if (news.added.size() == most_watched_rows) news.is_too_much = true;
    for (std::size_t i = 0; i < open.size(); i += most_watched_rows) {
        LogFilter watched;
        const auto first = open.begin() + static_cast<std::ptrdiff_t>(i);
        const auto count = std::min(most_watched_rows, open.size() - i);
        watched.ids.assign(first, first + static_cast<std::ptrdiff_t>(count));
        std::ranges::move(read_rows(store, watched, most_watched_rows),
                          std::back_inserter(news.watched));
    }
    return news;
}

}  // namespace peercron
