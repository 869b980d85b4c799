-- The same as in MySQL: see sql/mysql.
-- alters log: a new column
ALTER TABLE cron ADD COLUMN shards INTEGER NOT NULL DEFAULT 1;
ALTER TABLE log ADD COLUMN parts INTEGER NOT NULL DEFAULT 1;
