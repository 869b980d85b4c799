#include "store/copy.hpp"

#include <spdlog/fmt/fmt.h>

#include <string>

namespace peercron {
namespace {

constexpr std::size_t jobs_at_once = 1000;
constexpr std::size_t rows_at_once = 500;

std::int64_t all_rows(const StoreTotals& totals)
{
    std::int64_t rows = 0;
    for (const auto& [state, count] : totals.rows_by_state) rows += count;
    return rows;
}

/// Whether what `to` holds is the beginning of what `from` holds, as far as the last ones tell.
void check_beginning(StoreImage& from, StoreImage& to, const StoreTotals& there)
{
    const auto refuse = [](const std::string& what) {
        throw StoreError("the target holds " + what +
                         " that the source does not have; copy into an empty database, or into one "
                         "where a copy of this source was cut off");
    };
    if (there.last_job != 0) {
        const std::vector<Job> source = from.jobs_after(there.last_job - 1, 1);
        const std::vector<Job> target = to.jobs_after(there.last_job - 1, 1);
        if (source != target) refuse(fmt::format("a job {}", there.last_job));
    }
    if (there.last_row != 0) {
        const std::vector<LogRow> source = from.rows_after(there.last_row - 1, 1);
        const std::vector<LogRow> target = to.rows_after(there.last_row - 1, 1);
        const bool same = source.size() == 1 && target.size() == 1 &&
                          source[0].id == target[0].id && source[0].run.id == target[0].run.id;
        if (!same) refuse(fmt::format("a row {} of the log", there.last_row));
    }
}

std::string in_words(const StoreTotals& totals)
{
    std::string text = fmt::format("{} jobs, {} revisions, {} rows", totals.jobs, totals.revisions,
                                   all_rows(totals));
    for (const auto& [state, count] : totals.rows_by_state) {
        text += fmt::format(", {} {}", count, state);
    }
    return text;
}

}  // namespace

StoreTotals copy_store(StoreImage& from, StoreImage& to,
                       const std::function<void(const CopyProgress&)>& on_progress)
{
    const StoreTotals source = from.totals();
    const StoreTotals there = to.totals();
    check_beginning(from, to, there);
    CopyProgress progress;
    progress.jobs = there.jobs;
    progress.rows = all_rows(there);
    progress.all_jobs = source.jobs;
    progress.all_rows = all_rows(source);
    on_progress(progress);

    for (JobId last = there.last_job;;) {
        const std::vector<Job> jobs = from.jobs_after(last, jobs_at_once);
        if (jobs.empty()) break;
        to.append_jobs(jobs);
        last = jobs.back().id;
        progress.jobs += static_cast<std::int64_t>(jobs.size());
        on_progress(progress);
    }
    for (std::int64_t last = there.last_revision;;) {
        const std::vector<Revision> revisions = from.revisions_after(last, jobs_at_once);
        if (revisions.empty()) break;
        to.append_revisions(revisions);
        last = revisions.back().id;
    }
    for (std::int64_t last = there.last_row;;) {
        const std::vector<LogRow> rows = from.rows_after(last, rows_at_once);
        if (rows.empty()) break;
        to.append_rows(rows);
        last = rows.back().id;
        progress.rows += static_cast<std::int64_t>(rows.size());
        on_progress(progress);
    }
    to.finish(from.term());

    const StoreTotals copied = to.totals();
    if (copied != source) {
        throw StoreError(
            fmt::format("the copy is not the same as the source: {} instead of {}. Was "
                        "a node working with one of them?",
                        in_words(copied), in_words(source)));
    }
    return copied;
}

}  // namespace peercron
