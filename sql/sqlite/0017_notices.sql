-- The same as in MySQL: see sql/mysql.
CREATE TABLE notice_channel (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    name      TEXT    NOT NULL UNIQUE,
    kind      TEXT    NOT NULL,
    settings  TEXT    NOT NULL,
    tags      TEXT    NOT NULL DEFAULT '',
    every_job INTEGER NOT NULL DEFAULT 0,
    stop      INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE notice_end (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    log_id INTEGER NOT NULL
);
CREATE TABLE notice_job (
    cron_id INTEGER PRIMARY KEY,
    watch   TEXT    NOT NULL,
    due_at  INTEGER NULL
);
CREATE INDEX notice_job_by_time ON notice_job (due_at);
CREATE TABLE notice_delivery (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id INTEGER NOT NULL,
    notice     TEXT    NOT NULL,
    cron_id    INTEGER NOT NULL DEFAULT 0,
    body       TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'waiting',
    attempts   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    ended_at   INTEGER NULL,
    answer     TEXT    NOT NULL DEFAULT '',
    UNIQUE (channel_id, notice)
);
CREATE INDEX notice_delivery_by_time ON notice_delivery (channel_id, state, due_at);
CREATE TABLE notice_term (
    id    INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL DEFAULT 0
);
INSERT INTO notice_term (id, epoch) VALUES (1, 0);
