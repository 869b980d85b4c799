-- Jobs may say what becomes of their runs where "exactly once, on time, alone" cannot be had: see
-- docs/delivery.md. The defaults are what every job did before.

-- max_concurrent: runs at a time in the whole cluster; 0 = no limit.
-- unless column cron.delivery
ALTER TABLE cron
    ADD COLUMN delivery       ENUM('at_most_once', 'at_least_once')
                              CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                              NOT NULL DEFAULT 'at_most_once',
    ADD COLUMN misfire_policy ENUM('run_all', 'run_latest', 'skip')
                              CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                              NOT NULL DEFAULT 'run_all',
    ADD COLUMN overlap        ENUM('allow', 'skip', 'queue', 'replace')
                              CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                              NOT NULL DEFAULT 'allow',
    ADD COLUMN max_concurrent INT UNSIGNED NOT NULL DEFAULT 0;
