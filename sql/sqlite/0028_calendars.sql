-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN calendar TEXT NOT NULL DEFAULT '';

CREATE TABLE calendar (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT    NOT NULL,
    remark   TEXT    NOT NULL DEFAULT '',
    dates    TEXT    NOT NULL,
    ical     TEXT    NOT NULL,
    set_by   TEXT    NOT NULL,
    set_at   INTEGER NOT NULL,
    ended_at INTEGER NULL,
    ended_by TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX calendar_by_name ON calendar (name);
CREATE INDEX calendar_by_end ON calendar (ended_at);
