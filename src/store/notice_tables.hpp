#pragma once

#include "base/in_pieces.hpp"
#include "model/job_fields.hpp"
#include "model/notice_defaults.hpp"
#include "store/notice_store.hpp"
#include "store/read_rows.hpp"
#include "store/settings_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peercron {

/// Of a row of table cron: whether the ends of the job's runs are looked at. What jobs with a tag
/// inherit the nodes' configuration says, so each of them may.
inline constexpr std::string_view wants_notices =
    "(cron.notify <> 'none' AND (cron.notify <> '' OR EXISTS (SELECT 1 FROM notice_channel"
    " WHERE every_job <> 0 OR tags <> '' OR cron.tags <> '')))";

inline constexpr std::string_view jobs_with_unseen_ends =
    "SELECT log.cron_id FROM notice_end JOIN log ON log.id = notice_end.log_id";

/// Whether anybody may want to know of a row in this state. Who pauses jobs, or gives them
/// calendars, knows that they do not run.
constexpr bool is_told_of(RunState state, Cause cause)
{
    return is_final(state) && state != RunState::revoked && cause != Cause::paused &&
           cause != Cause::calendar;
}

/// Each has a few hundred bytes, some of them a few thousand.
inline constexpr std::size_t watches_of_a_statement = 200;

/// The last bytes, or characters, of an output that notices may show.
inline constexpr std::size_t output_of_notice = 2000;

/// The statements for a NoticeStore, which are the same for every database.
///
/// @tparam Tables has query(sql), whose result has next() and the columns as read_rows.hpp has
/// them; execute(sql), which returns how many rows matched; last_insert_id(); quote(text), a
/// literal; has_tag(tag), a condition on a job; log_columns(), those of read_log_excerpt() with the
/// end of the output.
template <class Tables>
class NoticeTables {
public:
    explicit NoticeTables(Tables tables) : tables_(std::move(tables)) {}

    std::vector<NoticeChannel> channels()
    {
        std::vector<NoticeChannel> found;
        auto rows = tables_.query(
            "SELECT id, name, kind, settings, tags, every_job, stop FROM notice_channel"
            " ORDER BY name");
        while (rows.next()) {
            NoticeChannel channel;
            channel.id = rows.integer(0);
            channel.name = rows.text(1);
            channel.kind = rows.text(2);
            channel.settings = read_settings(channel.name, rows.text(3));
            channel.tags = split_words(rows.text(4));
            channel.every_job = rows.integer(5) != 0;
            channel.stop = rows.integer(6) != 0;
            found.push_back(std::move(channel));
        }
        return found;
    }

    /// Whether another channel has this name.
    bool is_taken(const NoticeChannel& channel)
    {
        auto rows =
            tables_.query(fmt::format("SELECT 1 FROM notice_channel WHERE name = {} AND id <> {}",
                                      tables_.quote(channel.name), channel.id));
        return rows.next();
    }

    std::int64_t add_channel(const NoticeChannel& channel)
    {
        tables_.execute(
            fmt::format("INSERT INTO notice_channel (name, kind, settings, tags, every_job, stop)"
                        " VALUES ({},{},{},{},{:d},{:d})",
                        tables_.quote(channel.name), tables_.quote(channel.kind),
                        tables_.quote(settings_text(channel.settings)),
                        tables_.quote(join_words(channel.tags)), channel.every_job, channel.stop));
        return tables_.last_insert_id();
    }

    bool update_channel(const NoticeChannel& channel)
    {
        return tables_.execute(fmt::format(
                   "UPDATE notice_channel SET name = {}, kind = {}, settings = {}, tags = {},"
                   " every_job = {:d}, stop = {:d} WHERE id = {}",
                   tables_.quote(channel.name), tables_.quote(channel.kind),
                   tables_.quote(settings_text(channel.settings)),
                   tables_.quote(join_words(channel.tags)), channel.every_job, channel.stop,
                   channel.id)) > 0;
    }

    bool delete_channel(std::int64_t id)
    {
        tables_.execute(fmt::format("DELETE FROM notice_delivery WHERE channel_id = {}", id));
        return tables_.execute(fmt::format("DELETE FROM notice_channel WHERE id = {}", id)) > 0;
    }

    std::vector<UnseenEnd> unseen_ends(std::size_t limit)
    {
        std::vector<UnseenEnd> ends;
        std::vector<std::int64_t> log_ids;
        {
            auto rows = tables_.query(
                fmt::format("SELECT id, log_id FROM notice_end ORDER BY id LIMIT {}", limit));
            while (rows.next()) {
                ends.push_back({rows.integer(0), std::nullopt});
                log_ids.push_back(rows.integer(1));
            }
        }
        if (ends.empty()) return ends;
        std::unordered_map<std::int64_t, LogRow> log;
        for (LogRow& row : read_ends(log_ids)) {
            const std::int64_t id = row.id;
            log.emplace(id, std::move(row));
        }
        for (std::size_t i = 0; i < ends.size(); ++i) {
            const auto row = log.find(log_ids[i]);
            if (row != log.end()) ends[i].row = row->second;
        }
        return ends;
    }

    std::vector<JobWatch> watches(std::span<const JobId> jobs)
    {
        if (jobs.empty()) return {};
        return read_watches(fmt::format("WHERE cron_id IN ({})", fmt::join(jobs, ",")));
    }

    std::vector<JobWatch> due_watches(WallTime now, std::size_t limit)
    {
        return read_watches(
            fmt::format("WHERE due_at <= {} AND cron_id NOT IN ({}) ORDER BY due_at LIMIT {}",
                        to_unix_millis(now), jobs_with_unseen_ends, limit));
    }

    std::vector<JobId> unwatched_jobs(const NoticeDefaults& defaults, JobId after,
                                      std::size_t limit)
    {
        std::vector<JobId> jobs;
        auto rows = tables_.query(fmt::format(
            "SELECT id FROM cron WHERE id > {} AND {} AND kind <> 'daemon'"
            " AND stop = 0 AND {} AND NOT EXISTS (SELECT 1 FROM notice_job"
            " WHERE cron_id = cron.id AND due_at IS NOT NULL) AND id NOT IN ({})"
            " ORDER BY id LIMIT {}",
            after, expects_some(defaults), wants_notices, jobs_with_unseen_ends, limit));
        while (rows.next()) jobs.push_back(rows.integer(0));
        return jobs;
    }

    std::vector<LogRow> slow_runs(const NoticeDefaults& defaults, WallTime now, std::size_t limit)
    {
        std::vector<std::int64_t> ids;
        {
            // Who is as slow as UsualTime says is so by thrice the median, which is a column.
            auto rows = tables_.query(fmt::format(
                "SELECT log.id FROM log JOIN cron ON cron.id = log.cron_id"
                " LEFT JOIN cron_counter ON cron_counter.cron_id = log.cron_id"
                " WHERE log.state = 'running' AND log.requested_by NOT LIKE '%{3}%' AND {1}"
                " AND cron.kind <> 'daemon' AND"
                " (({4} > 0 AND log.started_at + {4} * 1000 < {0})"
                " OR ({4} = 0 AND (cron.notify_on = '' OR cron.notify_on LIKE '%slow%')"
                " AND log.started_at + 3 * cron_counter.usual_time < {0}"
                " AND log.started_at + 1000 < {0}))"
                " AND NOT EXISTS (SELECT 1 FROM notice_job WHERE notice_job.cron_id = cron.id"
                " AND notice_job.watch LIKE '%\"slow\":%') LIMIT {2}",
                to_unix_millis(now), wants_notices, limit, rehearsal_mark, slow_after(defaults)));
            while (rows.next()) ids.push_back(rows.integer(0));
        }
        if (ids.empty()) return {};
        return read_ends(ids);
    }

    /// What a watch says is a text of its own (notify/job_watch.hpp), in which an alarm is a member
    /// of this name.
    std::vector<LogRow> healthy_daemons(WallTime now, std::size_t limit)
    {
        std::vector<std::int64_t> ids;
        {
            auto rows = tables_.query(
                fmt::format("SELECT log.id FROM log JOIN cron ON cron.id = log.cron_id"
                            " JOIN notice_job ON notice_job.cron_id = cron.id"
                            " WHERE log.state = 'running' AND cron.kind = 'daemon'"
                            " AND log.started_at + cron.healthy_after * 1000 < {}"
                            " AND (notice_job.watch LIKE '%\"failing\":%'"
                            " OR notice_job.watch LIKE '%\"missed\":%') LIMIT {}",
                            to_unix_millis(now), limit));
            while (rows.next()) ids.push_back(rows.integer(0));
        }
        if (ids.empty()) return {};
        return read_ends(ids);
    }

    /// Takes the tables for this dispatcher; false: a newer one has them.
    bool take(Epoch epoch)
    {
        return tables_.execute(fmt::format(
                   "UPDATE notice_term SET epoch = {0} WHERE id = 1 AND epoch <= {0}", epoch)) > 0;
    }

    void store_seen(const Seen& seen)
    {
        if (!seen.ends.empty()) {
            tables_.execute(
                fmt::format("DELETE FROM notice_end WHERE id IN ({})", fmt::join(seen.ends, ",")));
        }
        in_pieces(
            std::span(seen.watches), watches_of_a_statement,
            [this](std::span<const JobWatch> some) {
                std::string rows;
                for (const JobWatch& watch : some) {
                    rows += fmt::format("{}({},{},{})", rows.empty() ? "" : ",", watch.job,
                                        tables_.quote(watch.text), literal(watch.due_at));
                }
                tables_.execute("REPLACE INTO notice_job (cron_id, watch, due_at) VALUES " + rows);
            });
        if (!seen.forgotten.empty()) {
            tables_.execute(fmt::format("DELETE FROM notice_job WHERE cron_id IN ({})",
                                        fmt::join(seen.forgotten, ",")));
        }
        for (const OutgoingNotice& notice : seen.notices) add_deliveries(notice, seen.at);
    }

    std::vector<NoticeDelivery> due_deliveries(std::int64_t channel, WallTime now,
                                               std::size_t limit)
    {
        return read_deliveries(
            fmt::format("WHERE channel_id = {} AND state = 'waiting' AND due_at <= {}"
                        " ORDER BY due_at, id LIMIT {}",
                        channel, to_unix_millis(now), limit));
    }

    std::vector<NoticeDelivery> deliveries(std::int64_t channel, std::size_t limit)
    {
        return read_deliveries(
            fmt::format("WHERE channel_id = {} ORDER BY id DESC LIMIT {}", channel, limit));
    }

    void update_delivery(const NoticeDelivery& delivery)
    {
        tables_.execute(fmt::format(
            "UPDATE notice_delivery SET state = '{}', attempts = {}, due_at = {}, ended_at = {},"
            " answer = {} WHERE id = {}",
            to_string(delivery.state), delivery.attempts, to_unix_millis(delivery.due_at),
            literal(delivery.ended_at), tables_.quote(delivery.answer), delivery.id));
    }

    std::int64_t count_waiting()
    {
        auto rows = tables_.query("SELECT COUNT(*) FROM notice_delivery WHERE state = 'waiting'");
        rows.next();
        return rows.integer(0);
    }

    std::size_t clean_up(WallTime before, std::size_t keep, std::size_t limit)
    {
        tables_.execute(
            "DELETE FROM notice_job WHERE cron_id > 0 AND NOT EXISTS"
            " (SELECT 1 FROM cron WHERE cron.id = notice_job.cron_id)");
        std::vector<std::int64_t> old;
        for (const NoticeChannel& channel : channels()) {
            if (old.size() >= limit) break;
            auto rows = tables_.query(fmt::format(
                "SELECT id FROM notice_delivery WHERE channel_id = {0} AND state <> 'waiting'"
                " AND ended_at < {1} AND id < COALESCE((SELECT newest.id FROM notice_delivery AS"
                " newest WHERE newest.channel_id = {0} ORDER BY newest.id DESC LIMIT 1 OFFSET {2}),"
                " 0) ORDER BY id LIMIT {3}",
                channel.id, to_unix_millis(before), keep - 1, limit - old.size()));
            while (rows.next()) old.push_back(rows.integer(0));
        }
        if (old.empty()) return 0;
        tables_.execute(
            fmt::format("DELETE FROM notice_delivery WHERE id IN ({})", fmt::join(old, ",")));
        return old.size();
    }

private:
    /// Of a row of table cron, as expectation_of() has it: whether any success is expected.
    std::string expects_some(const NoticeDefaults& defaults) const
    {
        std::string sql = fmt::format(
            "CASE WHEN cron.expect_every > 0 THEN 1 WHEN cron.expect_by <> ''"
            " THEN cron.expect_by <> '{}' WHEN cron.cron_set = '' AND cron.run_after = '' THEN 0",
            expects_nothing);
        for (const TagNotices& entry : defaults.tags) {
            const auto says = expects_success(entry.expect_every, entry.expect_by);
            if (says) sql += fmt::format(" WHEN {} THEN {:d}", tables_.has_tag(entry.tag), *says);
        }
        const auto of_all = expects_success(defaults.expect_every, defaults.expect_by);
        return fmt::format("({} ELSE {:d} END <> 0)", sql, of_all.value_or(false));
    }

    /// Of a row of table cron, as run_limits() has it.
    std::string slow_after(const NoticeDefaults& defaults) const
    {
        std::string sql = "CASE WHEN cron.slow_after > 0 THEN cron.slow_after";
        for (const TagNotices& entry : defaults.tags) {
            if (entry.slow_after.count() == 0) continue;
            sql += fmt::format(" WHEN {} THEN {}", tables_.has_tag(entry.tag),
                               entry.slow_after.count());
        }
        return fmt::format("({} ELSE {} END)", sql, defaults.slow_after.count());
    }

    /// Rows of the ledger with the ends of their outputs.
    std::vector<LogRow> read_ends(std::span<const std::int64_t> ids)
    {
        std::vector<LogRow> found;
        auto rows = tables_.query(fmt::format("SELECT {} FROM log WHERE id IN ({})",
                                              tables_.log_columns(), fmt::join(ids, ",")));
        while (rows.next()) found.push_back(read_log_excerpt(rows, 4 * output_of_notice));
        return found;
    }

    static std::string literal(const std::optional<WallTime>& time)
    {
        return time ? std::to_string(to_unix_millis(*time)) : "NULL";
    }

    static NoticeDelivery::State read_delivery_state(std::string_view text)
    {
        const auto* const found = std::ranges::find(delivery_words, text);
        if (found == delivery_words.end()) {
            throw StoreError("table notice_delivery has an unknown state: " + std::string(text));
        }
        return static_cast<NoticeDelivery::State>(found - delivery_words.begin());
    }

    std::vector<JobWatch> read_watches(const std::string& condition)
    {
        std::vector<JobWatch> found;
        auto rows = tables_.query("SELECT cron_id, watch, due_at FROM notice_job " + condition);
        while (rows.next()) {
            found.push_back({rows.integer(0), std::string(rows.text(1)), time_or_null(rows, 2)});
        }
        return found;
    }

    std::vector<NoticeDelivery> read_deliveries(const std::string& condition)
    {
        std::vector<NoticeDelivery> found;
        auto rows = tables_.query(
            "SELECT id, channel_id, notice, cron_id, body, state, attempts, created_at, due_at,"
            " ended_at, answer FROM notice_delivery " +
            condition);
        while (rows.next()) {
            NoticeDelivery delivery;
            delivery.id = rows.integer(0);
            delivery.channel = rows.integer(1);
            delivery.notice = rows.text(2);
            delivery.job = rows.integer(3);
            delivery.body = rows.text(4);
            delivery.state = read_delivery_state(rows.text(5));
            delivery.attempts = rows.integer(6);
            delivery.created_at = from_unix_millis(rows.integer(7));
            delivery.due_at = from_unix_millis(rows.integer(8));
            delivery.ended_at = time_or_null(rows, 9);
            delivery.answer = rows.text(10);
            found.push_back(std::move(delivery));
        }
        return found;
    }

    void add_deliveries(const OutgoingNotice& notice, WallTime at)
    {
        for (const std::int64_t channel : notice.channels) {
            // No unique key guards this: take() lets only one dispatcher write here.
            tables_.execute(fmt::format(
                "INSERT INTO notice_delivery (channel_id, notice, cron_id, body, created_at,"
                " due_at, answer) SELECT id, {1}, {2}, {3}, {4}, {4}, '' FROM notice_channel"
                " WHERE id = {0} AND NOT EXISTS (SELECT 1 FROM notice_delivery AS there"
                " WHERE there.channel_id = {0} AND there.notice = {1})",
                channel, tables_.quote(notice.id), notice.job, tables_.quote(notice.body),
                to_unix_millis(at)));
        }
    }

    Tables tables_;
};

}  // namespace peercron
