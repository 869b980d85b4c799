-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN late_goal INTEGER NOT NULL DEFAULT 0;

ALTER TABLE cron_counter ADD COLUMN goal     TEXT NULL;
ALTER TABLE cron_counter ADD COLUMN oddities TEXT NULL;

CREATE TABLE unusual_run (
    log_id   INTEGER PRIMARY KEY,
    oddities TEXT NOT NULL
);
