#pragma once

#include <string_view>

namespace peercron::testing {

/// Rows of every kind as the version before table log was altered wrote them; for both databases.
constexpr std::string_view insert_old_rows =
    "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, reason, output, use_time) VALUES"
    " (1, NULL, 1, 100, 'success', 'legacy: outcome not recorded', 'old', 1),"
    " (1, NULL, 1, 100, 'success', 'legacy: outcome not recorded', 'the same second', 1),"
    " (1, 1000, 1, 1, 'lost', 'node-died: 127.0.0.1:9990', '', 0),"
    " (1, 1000, 2, 1, 'success', '', 'done', 5),"
    " (1, 2000, 1, 2, 'planned', '', '', 0),"
    " (1, 3000, 1, 3, 'running', '', '', 0),"
    " (1, 4000, 1, 4, 'skipped', 'mutex', '', 0),"
    " (1, 5000, 1, 5, 'killed', 'on-request: by ann: twice', '', 0),"
    " (1, 6000, 1, 6, 'failed', ': no word', '', 0),"
    " (1, 7000, 1, 7, 'failed', 'a text without a colon, and a long one', '', 0),"
    " (2, 1000, 1, 1, 'revoked', 'job-changed: no reason', '', 0)";

/// What their causes are, by id.
constexpr std::string_view old_causes =
    "legacy|legacy|node-died||||mutex|on-request||a text without a col|job-changed|";

}  // namespace peercron::testing
