-- Jobs that require others (docs/chains.md): names with commas between, and how many seconds a fire waits for them.
-- unless column cron.requires
ALTER TABLE cron
    ADD COLUMN requires      VARCHAR(2080) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    ADD COLUMN requires_wait INT UNSIGNED NOT NULL DEFAULT 0;
