-- Jobs that are kept alive: see docs/daemons.md. Seconds; they say something of a job of kind daemon only.
-- unless column cron.restart
ALTER TABLE cron
    ADD COLUMN restart           VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'always',
    ADD COLUMN restart_delay     INT UNSIGNED NOT NULL DEFAULT 1,
    ADD COLUMN restart_max_delay INT UNSIGNED NOT NULL DEFAULT 60,
    ADD COLUMN healthy_after     INT UNSIGNED NOT NULL DEFAULT 30,
    ADD COLUMN start_limit       SMALLINT UNSIGNED NOT NULL DEFAULT 0;
