-- The same as in MySQL: see sql/mysql.
CREATE TABLE cron_revision (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    cron_id           INTEGER NOT NULL,
    effective_from    INTEGER NOT NULL,
    author            TEXT    NOT NULL DEFAULT '',
    origin            TEXT    NOT NULL DEFAULT '',
    definition_before TEXT    NULL,
    definition_after  TEXT    NULL
);

CREATE INDEX cron_revision_by_job ON cron_revision (cron_id);
