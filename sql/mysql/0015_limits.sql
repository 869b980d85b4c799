-- What a command and all that it starts may use; 0 is no limit. memory_max is in bytes, cpu_max in
-- percent of one core.
-- unless column cron.memory_max
ALTER TABLE cron
    ADD COLUMN memory_max BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN cpu_max    INT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN pids_max   INT UNSIGNED NOT NULL DEFAULT 0;
