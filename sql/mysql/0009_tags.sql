-- Words by which jobs are found together, with commas between.
-- unless column cron.tags
ALTER TABLE cron
    ADD COLUMN tags VARCHAR(2080) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '';
