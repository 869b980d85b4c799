#include "store/copy.hpp"

#include "store/account_store.hpp"
#include "store/calendar_store.hpp"
#include "store/lock_store.hpp"
#include "store/notice_store.hpp"
#include "store/pause_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <string>
#include <string_view>

namespace peercron {
namespace {

constexpr std::size_t jobs_at_once = 1000;
constexpr std::size_t rows_at_once = 500;
constexpr std::size_t accounts_at_once = 20;  // of up to some MiB of output each

std::int64_t all_rows(const StoreTotals& totals)
{
    std::int64_t rows = 0;
    for (const auto& [state, count] : totals.rows_by_state) rows += count;
    return rows;
}

std::int64_t id_of(const Job& job)
{
    return job.id;
}
std::int64_t id_of(const Revision& revision)
{
    return revision.id;
}
std::int64_t id_of(const LogRow& row)
{
    return row.id;
}
std::int64_t id_of(const OtherAccount& account)
{
    return account.id;
}

bool same(const Job& source, const Job& target)
{
    return source == target;
}

bool same(const Revision& source, const Revision& target)
{
    return source == target;
}

/// A text that the target has no room for is kept shorter there.
bool same_text(const std::string& source, const std::string& target)
{
    constexpr std::size_t always_fits = 255;
    return source == target || (source.size() > always_fits && target.size() < source.size());
}

bool same(const LogRow& source, LogRow target)
{
    if (!same_text(to_string(source.run.reason), to_string(target.run.reason))) return false;
    if (!same_text(source.run.output, target.run.output)) return false;
    target.run.reason = source.run.reason;
    target.run.output = source.run.output;
    const RunId& copied = target.run.id;
    return source == target && source.run.id.parts == copied.parts &&
           source.run.id.node == copied.node;
}

bool same(const OtherAccount& source, OtherAccount target)
{
    if (!same_text(to_string(source.report.reason), to_string(target.report.reason))) return false;
    if (!same_text(source.report.output, target.report.output)) return false;
    target.report.reason = source.report.reason;
    target.report.output = source.report.output;
    return source == target;
}

[[noreturn]] void refuse_target(std::string_view what, std::int64_t id)
{
    throw StoreError(
        fmt::format("the target has a different {} {} than the source: it holds something else, or "
                    "one of them was changed since an earlier copy. Copy into an empty database",
                    what, id));
}

/// Compares all that the target holds with the source; `read` is how either is read.
template <class Row>
void compare(StoreImage& from, StoreImage& to, std::string_view what,
             std::vector<Row> (StoreImage::*read)(std::int64_t, std::size_t),
             std::size_t at_once = rows_at_once)
{
    std::int64_t last = 0;
    for (;;) {
        const std::vector<Row> target = (to.*read)(last, at_once);
        if (target.empty()) return;
        // The source may give fewer at a time.
        for (std::size_t compared = 0; compared < target.size();) {
            const std::vector<Row> source = (from.*read)(last, target.size() - compared);
            if (source.empty()) refuse_target(what, id_of(target[compared]));
            for (const Row& row : source) {
                if (!same(row, target[compared])) refuse_target(what, id_of(target[compared]));
                last = id_of(row);
                ++compared;
            }
        }
    }
}

void compare_all(StoreImage& from, StoreImage& to)
{
    compare<Job>(from, to, "job", &StoreImage::jobs_after);
    compare<Revision>(from, to, "revision", &StoreImage::revisions_after);
    compare<LogRow>(from, to, "row of the log", &StoreImage::rows_after);
    compare<OtherAccount>(from, to, "second report of a run", &StoreImage::other_accounts_after,
                          accounts_at_once);
}

/// Without their ids: nothing that is copied names them.
std::vector<NoticeChannel> read_channels(StoreImage& image)
{
    std::vector<NoticeChannel> channels = image.notices().channels();
    for (NoticeChannel& channel : channels) channel.id = 0;
    return channels;
}

/// Messages that wait stay where they are.
void copy_channels(StoreImage& from, StoreImage& to)
{
    const std::vector<NoticeChannel> source = read_channels(from);
    const std::vector<NoticeChannel> target = read_channels(to);
    if (source == target) return;
    if (!target.empty()) {
        throw StoreError(
            "the target has other channels than the source. Copy into an empty database");
    }
    for (const NoticeChannel& channel : source) to.notices().add_channel(channel);
}

/// Without their ids, for the same reason.
std::vector<Pause> read_pauses(StoreImage& image)
{
    std::vector<Pause> pauses = image.pauses().pauses_after(WallTime());
    for (Pause& pause : pauses) pause.id = 0;
    return pauses;
}

void copy_pauses(StoreImage& from, StoreImage& to)
{
    const std::vector<Pause> source = read_pauses(from);
    const std::vector<Pause> target = read_pauses(to);
    if (source == target) return;
    if (!target.empty()) {
        throw StoreError(
            "the target has other pauses than the source. Copy into an empty database");
    }
    for (const Pause& pause : source) to.pauses().add_pause(pause);
}

/// Without their ids: only sessions name them, which end here.
template <class Row>
std::vector<Row> without_ids(std::vector<Row> rows)
{
    for (Row& row : rows) row.id = 0;
    return rows;
}

void copy_accounts(StoreImage& from, StoreImage& to)
{
    const auto source = without_ids(from.accounts().accounts());
    const auto target = without_ids(to.accounts().accounts());
    const auto source_tokens = without_ids(from.accounts().tokens());
    const auto target_tokens = without_ids(to.accounts().tokens());
    const bool has_others = !target.empty() && target != source;
    if (has_others || (!target_tokens.empty() && target_tokens != source_tokens)) {
        throw StoreError(
            "the target has other accounts or tokens than the source. Copy into an empty database");
    }
    if (target.empty()) {
        for (const UserAccount& account : source) to.accounts().add_account(account);
    }
    if (target_tokens.empty()) {
        for (const AccessToken& token : source_tokens) to.accounts().add_token(token);
    }
}

void copy_locks(StoreImage& from, StoreImage& to)
{
    const std::vector<LockLimit> source = from.locks().limits();
    const std::vector<LockLimit> target = to.locks().limits();
    if (source == target) return;
    if (!target.empty()) {
        throw StoreError(
            "the target has other limits of locks than the source. Copy into an empty database");
    }
    for (const LockLimit& limit : source) to.locks().set_limit(limit);
}

void copy_calendars(StoreImage& from, StoreImage& to)
{
    const auto source = without_ids(from.calendars().calendars_after(WallTime()));
    const auto target = without_ids(to.calendars().calendars_after(WallTime()));
    if (source == target) return;
    if (!target.empty()) {
        throw StoreError(
            "the target has other calendars than the source. Copy into an empty database");
    }
    for (const Calendar& calendar : source) to.calendars().append_calendar(calendar);
}

}  // namespace

StoreTotals copy_store(StoreImage& from, StoreImage& to,
                       const std::function<void(const CopyProgress&)>& on_progress)
{
    const StoreTotals source = from.totals();
    const StoreTotals there = to.totals();
    compare_all(from, to);
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
    for (std::int64_t last = there.last_other_account;;) {
        const std::vector<OtherAccount> accounts =
            from.other_accounts_after(last, accounts_at_once);
        if (accounts.empty()) break;
        to.append_other_accounts(accounts);
        last = accounts.back().id;
    }
    copy_channels(from, to);
    copy_pauses(from, to);
    copy_accounts(from, to);
    copy_locks(from, to);
    copy_calendars(from, to);
    to.finish(from.term());

    progress.comparing = true;
    on_progress(progress);
    compare_all(from, to);
    const StoreTotals copied = to.totals();
    if (copied != source || from.totals() != source) {
        throw StoreError(
            "the source or the target was changed meanwhile. Stop the node that works with it, and "
            "copy again");
    }
    return copied;
}

}  // namespace peercron
