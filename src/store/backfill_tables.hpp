#pragma once

#include "store/backfill_store.hpp"
#include "store/read_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// The statements for a BackfillStore, which are the same for every database.
///
/// @tparam Tables as of NoticeTables.
template <class Tables>
class BackfillTables {
public:
    explicit BackfillTables(Tables tables) : tables_(std::move(tables)) {}

    /// In a transaction. Forgets those that have been over for long.
    Backfill add(Backfill backfill, std::span<const WallTime> fires)
    {
        constexpr std::chrono::days remembered{90};
        const std::string over = fmt::format("state <> 'running' AND ended_at < {}",
                                             to_unix_millis(backfill.asked_at - remembered));
        tables_.execute(fmt::format(
            "DELETE FROM backfill_fire WHERE backfill_id IN (SELECT id FROM backfill WHERE {})",
            over));
        tables_.execute(fmt::format("DELETE FROM backfill WHERE {}", over));
        tables_.execute(
            fmt::format("INSERT INTO backfill (cron_id, from_at, to_at, only_word, parallel, "
                        "asked_by, asked_at,"
                        " state, why, requested_by) VALUES ({},{},{},{},{},{},{},'running','','')",
                        backfill.job, to_unix_millis(backfill.from), to_unix_millis(backfill.to),
                        word(backfill_only_words, backfill.only), backfill.parallel,
                        tables_.quote(backfill.asked_by), to_unix_millis(backfill.asked_at)));
        backfill.id = tables_.last_insert_id();
        tables_.execute(fmt::format("UPDATE backfill SET requested_by = {} WHERE id = {}",
                                    tables_.quote(request_of(backfill)), backfill.id));
        constexpr std::size_t at_once = 500;
        for (std::span<const WallTime> rest = fires; !rest.empty();) {
            std::string sql = "INSERT INTO backfill_fire (backfill_id, scheduled_at) VALUES ";
            const auto some = rest.first(std::min(rest.size(), at_once));
            rest = rest.subspan(some.size());
            for (const WallTime fire : some) {
                sql += fmt::format("{}({},{})", fire == some.front() ? "" : ",", backfill.id,
                                   to_unix_millis(fire));
            }
            tables_.execute(sql);
        }
        return backfill;
    }

    std::vector<BackfillWork> work(std::size_t limit)
    {
        std::vector<BackfillWork> found;
        for (BackfillProgress& progress : read("WHERE backfill.state = 'running' ORDER BY id")) {
            BackfillWork work;
            work.open = progress.open;
            auto rows = tables_.query(fmt::format(
                "SELECT fire.scheduled_at FROM backfill_fire AS fire WHERE fire.backfill_id = {0}"
                " AND NOT EXISTS (SELECT 1 FROM log WHERE log.cron_id = {1} AND log.scheduled_at ="
                " fire.scheduled_at AND log.requested_by = {2}) ORDER BY fire.scheduled_at LIMIT "
                "{3}",
                progress.backfill.id, progress.backfill.job,
                tables_.quote(request_of(progress.backfill)), limit));
            while (rows.next()) work.next.push_back(from_unix_millis(rows.integer(0)));
            work.backfill = std::move(progress.backfill);
            found.push_back(std::move(work));
        }
        return found;
    }

    bool end(std::int64_t id, BackfillState state, const std::string& why, WallTime at)
    {
        tables_.execute(fmt::format(
            "UPDATE backfill SET state = {}, why = {}, ended_at = {} WHERE id = {} AND state ="
            " 'running'",
            word(backfill_state_words, state), tables_.quote(why), to_unix_millis(at), id));
        return find(id).has_value();
    }

    std::vector<BackfillProgress> list(JobId job, std::size_t limit)
    {
        return read(
            fmt::format("WHERE backfill.cron_id = {} ORDER BY id DESC LIMIT {}", job, limit));
    }

    std::optional<BackfillProgress> find(std::int64_t id)
    {
        std::vector<BackfillProgress> found = read(fmt::format("WHERE backfill.id = {}", id));
        if (found.empty()) return std::nullopt;
        return std::move(found.front());
    }

private:
    template <class Words, class Enum>
    std::string word(const Words& words, Enum value)
    {
        return tables_.quote(words[static_cast<std::size_t>(value)]);
    }

    template <class Enum, class Words>
    static Enum value_of(const Words& words, std::string_view word)
    {
        const auto found = std::ranges::find(words, word);
        return found == words.end() ? Enum() : static_cast<Enum>(found - words.begin());
    }

    std::vector<BackfillProgress> read(std::string_view which)
    {
        const auto count = [](std::string_view condition) {
            return fmt::format(
                "(SELECT COUNT(*) FROM backfill_fire AS fire WHERE fire.backfill_id = backfill.id"
                " AND EXISTS (SELECT 1 FROM log WHERE log.cron_id = backfill.cron_id AND"
                " log.scheduled_at = fire.scheduled_at AND log.requested_by ="
                " backfill.requested_by{}))",
                condition);
        };
        auto rows = tables_.query(fmt::format(
            "SELECT id, cron_id, from_at, to_at, only_word, parallel, asked_by, asked_at, state,"
            " why, ended_at, (SELECT COUNT(*) FROM backfill_fire AS fire WHERE fire.backfill_id ="
            " backfill.id), {}, {} FROM backfill {}",
            count(""), count(" AND log.state IN ('planned', 'running')"), which));
        std::vector<BackfillProgress> found;
        while (rows.next()) {
            BackfillProgress progress;
            Backfill& backfill = progress.backfill;
            backfill.id = rows.integer(0);
            backfill.job = rows.integer(1);
            backfill.from = from_unix_millis(rows.integer(2));
            backfill.to = from_unix_millis(rows.integer(3));
            backfill.only = value_of<BackfillOnly>(backfill_only_words, rows.text(4));
            backfill.parallel = rows.integer(5);
            backfill.asked_by = rows.text(6);
            backfill.asked_at = from_unix_millis(rows.integer(7));
            backfill.state = value_of<BackfillState>(backfill_state_words, rows.text(8));
            backfill.why = rows.text(9);
            backfill.ended_at = time_or_null(rows, 10);
            progress.fires = rows.integer(11);
            progress.begun = rows.integer(12);
            progress.open = rows.integer(13);
            found.push_back(std::move(progress));
        }
        return found;
    }

    Tables tables_;
};

}  // namespace peercron
