-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN tags TEXT NOT NULL DEFAULT '';
