#pragma once

#include "model/job_fields.hpp"
#include "store/lock_store.hpp"
#include "store/read_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// The statements for a LockStore, which are the same for every database.
///
/// @tparam Tables as of NoticeTables.
template <class Tables>
class LockTables {
public:
    explicit LockTables(Tables tables) : tables_(std::move(tables)) {}

    std::vector<LockLimit> limits()
    {
        std::vector<LockLimit> found;
        auto rows =
            tables_.query("SELECT name, most, set_by, set_at FROM lock_limit ORDER BY name");
        while (rows.next()) {
            LockLimit limit;
            limit.name = rows.text(0);
            limit.limit = rows.integer(1);
            limit.set_by = rows.text(2);
            limit.set_at = from_unix_millis(rows.integer(3));
            found.push_back(std::move(limit));
        }
        return found;
    }

    /// In a transaction.
    void set_limit(const LockLimit& limit)
    {
        delete_limit(limit.name);
        tables_.execute(
            fmt::format("INSERT INTO lock_limit (name, most, set_by, set_at) VALUES ({},{},{},{})",
                        tables_.quote(limit.name), limit.limit, tables_.quote(limit.set_by),
                        to_unix_millis(limit.set_at)));
    }

    bool delete_limit(const std::string& name)
    {
        return tables_.execute(
                   fmt::format("DELETE FROM lock_limit WHERE name = {}", tables_.quote(name))) > 0;
    }

    std::vector<LockUser> users()
    {
        std::vector<LockUser> found;
        auto rows = tables_.query("SELECT id, name, locks FROM cron WHERE locks <> '' ORDER BY id");
        while (rows.next()) {
            LockUser user;
            user.job = rows.integer(0);
            user.name = rows.text(1);
            user.locks = split_words(rows.text(2));
            found.push_back(std::move(user));
        }
        return found;
    }

    std::vector<OpenLockRun> open_runs()
    {
        std::vector<OpenLockRun> found;
        auto rows = tables_.query(
            "SELECT log.id, log.cron_id, log.scheduled_at, log.attempt, log.part, log.parts,"
            " log.state, log.run_server, log.started_at, log.retry_at FROM log JOIN cron ON "
            "cron.id = log.cron_id"
            " WHERE log.state IN ('planned', 'running') AND log.scheduled_at IS NOT NULL"
            " AND cron.locks <> '' ORDER BY log.scheduled_at, log.id");
        while (rows.next()) {
            OpenLockRun run;
            run.row = rows.integer(0);
            run.id = read_run_id(rows, 1);
            run.state = parse_run_state(rows.text(6)).value_or(RunState::planned);
            run.run_server = rows.text(7);
            run.started_at = time_or_null(rows, 8);
            run.retry_at = time_or_null(rows, 9);
            found.push_back(std::move(run));
        }
        return found;
    }

private:
    Tables tables_;
};

}  // namespace peercron
