-- How soon after its time a fire of a job should start, in milliseconds: see docs/insight.md. 0: no goal.
-- unless column cron.late_goal
ALTER TABLE cron ADD COLUMN late_goal INT UNSIGNED NOT NULL DEFAULT 0;

-- goal: how many fires met it, see src/model/goal_record.hpp; NULL: the job has no goal. oddities: as in table
-- unusual_run, of the run that ended last; NULL: none.
-- unless column cron_counter.goal
ALTER TABLE cron_counter
    ADD COLUMN goal     TEXT CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL,
    ADD COLUMN oddities VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL;

-- The rows of table log of runs that were not as the runs of their job usually are, and in what (words with commas
-- between, see src/model/unusual.hpp).
CREATE TABLE IF NOT EXISTS unusual_run (
    log_id   BIGINT      NOT NULL,
    oddities VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (log_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
