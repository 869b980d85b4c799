-- Locks that a job's runs hold, and share with other jobs: names with commas between, with how much of
-- the limit a run takes where that is not 1: db,ftp:2 (docs/locks.md).
-- unless column cron.locks
ALTER TABLE cron ADD COLUMN locks VARCHAR(1136) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';

-- How much of a lock is taken at most (most); of one that is not here that is 1.
CREATE TABLE IF NOT EXISTS lock_limit (
    name   VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    most   INT UNSIGNED NOT NULL,
    set_by VARCHAR(255) NOT NULL,
    set_at BIGINT       NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
