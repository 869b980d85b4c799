-- Jobs that run after others: see docs/chains.md. run_after: names with commas between.
-- unless column cron.run_after
ALTER TABLE cron
    ADD COLUMN run_after    VARCHAR(2080) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    ADD COLUMN run_after_on VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'success';
