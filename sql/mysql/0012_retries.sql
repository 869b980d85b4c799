-- Jobs may want a run that failed to be tried again: see docs/retries.md. Seconds; retry_on: words
-- with commas between, '' = failed,timeout.
-- unless column cron.retries
ALTER TABLE cron
    ADD COLUMN retries         TINYINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN retry_delay     BIGINT UNSIGNED NOT NULL DEFAULT 10,
    ADD COLUMN retry_max_delay BIGINT UNSIGNED NOT NULL DEFAULT 3600,
    ADD COLUMN retry_on        VARCHAR(544) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
                               NOT NULL DEFAULT '';
