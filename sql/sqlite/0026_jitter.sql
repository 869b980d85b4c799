-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN jitter INTEGER NOT NULL DEFAULT 0;
