-- The same as in MySQL: see sql/mysql.
CREATE TABLE pause (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    cron_id   INTEGER NOT NULL DEFAULT 0,
    tag       TEXT    NOT NULL DEFAULT '',
    begins_at INTEGER NOT NULL,
    until_at  INTEGER NULL,
    ended_at  INTEGER NULL,
    reason    TEXT    NOT NULL DEFAULT '',
    made_by   TEXT    NOT NULL DEFAULT '',
    ended_by  TEXT    NOT NULL DEFAULT ''
);
