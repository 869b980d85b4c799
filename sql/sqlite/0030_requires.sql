-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN requires      TEXT NOT NULL DEFAULT '';
ALTER TABLE cron ADD COLUMN requires_wait INTEGER NOT NULL DEFAULT 0;
