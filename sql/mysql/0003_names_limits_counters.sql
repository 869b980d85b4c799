-- Jobs may have a name, a limit of runs and a misfire window of their own; the runs are counted.

-- A name is compared byte by byte, so that two names that look different are. NULL = none.
-- misfire_window in seconds; NULL = as configured.
-- unless column cron.name
ALTER TABLE cron
    ADD COLUMN name           VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
                              NULL DEFAULT NULL AFTER id,
    ADD COLUMN run_limit      BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN misfire_window INT UNSIGNED NULL DEFAULT NULL,
    ADD UNIQUE KEY by_name (name);

-- A table of its own, because these change with every run and table cron is polled for changes.
-- last_run_at in Unix milliseconds.
CREATE TABLE IF NOT EXISTS cron_counter (
    cron_id     BIGINT NOT NULL,
    run_num     BIGINT NOT NULL DEFAULT 0,
    last_run_at BIGINT NULL DEFAULT NULL,
    PRIMARY KEY (cron_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

-- Who asked for a run by hand; empty when it was planned.
-- unless column log.requested_by
ALTER TABLE log
    ADD COLUMN requested_by VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                            NOT NULL DEFAULT '';
