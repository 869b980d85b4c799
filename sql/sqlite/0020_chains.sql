-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN run_after    TEXT NOT NULL DEFAULT '';
ALTER TABLE cron ADD COLUMN run_after_on TEXT NOT NULL DEFAULT 'success';
