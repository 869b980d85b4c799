-- Fires that are several runs: how many shards a job has (docs/where.md), and of each row how many parts its fire has.
-- alters log: a new column

-- unless column cron.shards
ALTER TABLE cron ADD COLUMN shards SMALLINT UNSIGNED NOT NULL DEFAULT 1;

-- unless column log.parts
ALTER TABLE log ADD COLUMN parts SMALLINT UNSIGNED NOT NULL DEFAULT 1;
