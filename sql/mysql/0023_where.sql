-- Where a job runs, and before which others: see docs/where.md. Lists have commas between.
-- unless column cron.run_on
ALTER TABLE cron
    ADD COLUMN run_on   VARCHAR(2064) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    ADD COLUMN spread   VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'one',
    ADD COLUMN priority TINYINT UNSIGNED NOT NULL DEFAULT 5,
    ADD COLUMN weight   INT UNSIGNED NOT NULL DEFAULT 1;
