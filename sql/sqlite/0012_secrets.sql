-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN secrets TEXT NOT NULL DEFAULT '';
