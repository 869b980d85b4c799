-- The ledger in short, so that no list has to look into it. statistics: see
-- src/model/job_statistics.hpp; NULL: not kept yet, to be made from the job's newest rows. The
-- columns after it say what lists are filtered and sorted by; times in milliseconds.
-- unless column cron_counter.statistics
ALTER TABLE cron_counter
    ADD COLUMN statistics TEXT CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL,
    ADD COLUMN last_state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL,
    ADD COLUMN usual_time BIGINT NULL DEFAULT NULL,
    ADD COLUMN late_p99   BIGINT NULL DEFAULT NULL,
    ADD KEY by_last_state (last_state);

UPDATE cron_counter SET last_state =
    (SELECT CASE WHEN log.state = 'skipped' AND log.cause IN ('misfire', 'no-node', 'overload',
                     'owner-unreachable', 'node-isolated') THEN 'missed' ELSE log.state END
     FROM log WHERE log.cron_id = cron_counter.cron_id AND log.scheduled_at IS NOT NULL
         AND log.state NOT IN ('planned', 'running', 'revoked')
     ORDER BY log.scheduled_at DESC, log.attempt DESC LIMIT 1)
    WHERE last_state IS NULL;

-- How the fires of ten minutes (at: Unix seconds of their beginning) ended, by the node that ran
-- them; run_server is '' for those that did not run. A node changes only rows of its own.
CREATE TABLE IF NOT EXISTS run_tally (
    at         BIGINT       NOT NULL,
    run_server VARCHAR(255) NOT NULL,
    tally      TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (at, run_server)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

-- Which node dispatched from when on (Unix milliseconds).
CREATE TABLE IF NOT EXISTS begun_term (
    epoch      BIGINT UNSIGNED NOT NULL,
    dispatcher VARCHAR(255)    NOT NULL,
    at         BIGINT          NOT NULL,
    PRIMARY KEY (epoch),
    KEY by_time (at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

-- Why a person changed a job, in that person's words.
-- unless column cron_revision.reason
ALTER TABLE cron_revision
    ADD COLUMN reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                      NOT NULL DEFAULT '';
