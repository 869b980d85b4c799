-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN restart           TEXT    NOT NULL DEFAULT 'always';
ALTER TABLE cron ADD COLUMN restart_delay     INTEGER NOT NULL DEFAULT 1;
ALTER TABLE cron ADD COLUMN restart_max_delay INTEGER NOT NULL DEFAULT 60;
ALTER TABLE cron ADD COLUMN healthy_after     INTEGER NOT NULL DEFAULT 30;
ALTER TABLE cron ADD COLUMN start_limit       INTEGER NOT NULL DEFAULT 0;
