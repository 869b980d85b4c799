-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN locks TEXT NOT NULL DEFAULT '';

CREATE TABLE lock_limit (
    name   TEXT PRIMARY KEY,
    most   INTEGER NOT NULL,
    set_by TEXT    NOT NULL,
    set_at INTEGER NOT NULL
) WITHOUT ROWID;
