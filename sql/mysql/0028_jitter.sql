-- How long after its time a fire of a job may start, in seconds: see docs/when-not.md.
-- unless column cron.jitter
ALTER TABLE cron ADD COLUMN jitter INT UNSIGNED NOT NULL DEFAULT 0;
