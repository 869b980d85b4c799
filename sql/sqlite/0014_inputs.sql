-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN inputs TEXT NOT NULL DEFAULT '';
