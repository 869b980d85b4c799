-- What a job wants its channels to be told: see docs/notices.md. Lists have commas between; seconds; 0 and '' are as
-- configured.
-- unless column cron.notify
ALTER TABLE cron
    ADD COLUMN notify       VARCHAR(1040) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    ADD COLUMN notify_on    VARCHAR(272) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    ADD COLUMN notify_after INT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN notify_every BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN late_after   BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN slow_after   BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN expect_every BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN expect_by    VARCHAR(5) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
