-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN delivery TEXT NOT NULL DEFAULT 'at_most_once'
    CHECK (delivery IN ('at_most_once', 'at_least_once'));
ALTER TABLE cron ADD COLUMN misfire_policy TEXT NOT NULL DEFAULT 'run_all'
    CHECK (misfire_policy IN ('run_all', 'run_latest', 'skip'));
ALTER TABLE cron ADD COLUMN overlap TEXT NOT NULL DEFAULT 'allow'
    CHECK (overlap IN ('allow', 'skip', 'queue', 'replace'));
ALTER TABLE cron ADD COLUMN max_concurrent INTEGER NOT NULL DEFAULT 0;
