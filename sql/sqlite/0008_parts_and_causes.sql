-- The same as in MySQL: see sql/mysql.
-- alters log: new columns, and one more column in the index log_by_run
ALTER TABLE log ADD COLUMN part        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN http_status INTEGER NULL;
ALTER TABLE log ADD COLUMN retry_at    INTEGER NULL;
ALTER TABLE log ADD COLUMN cause       TEXT GENERATED ALWAYS AS
    (SUBSTR(reason, 1, MIN(20, INSTR(reason || ':', ':') - 1))) VIRTUAL;

-- Dropped first, so that the new one takes its pages; nobody sees the table without it, for all of
-- this is one transaction.
DROP INDEX log_by_run;
CREATE UNIQUE INDEX log_by_run ON log (cron_id, scheduled_at, attempt, part);
