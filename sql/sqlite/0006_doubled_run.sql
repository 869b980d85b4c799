-- The same as in MySQL: see sql/mysql.
CREATE TABLE doubled_run (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    log_id          INTEGER NOT NULL,
    run_server      TEXT    NOT NULL DEFAULT '',
    started_at      INTEGER NOT NULL DEFAULT 0,
    state           TEXT    NOT NULL,
    reason          TEXT    NOT NULL DEFAULT '',
    dispatch_server TEXT    NOT NULL DEFAULT '',
    epoch           INTEGER NOT NULL DEFAULT 0,
    ended_at        INTEGER NULL,
    use_time        INTEGER NOT NULL DEFAULT 0,
    exit_code       INTEGER NULL,
    term_signal     INTEGER NULL,
    cpu_time        INTEGER NOT NULL DEFAULT 0,
    max_rss         INTEGER NOT NULL DEFAULT 0,
    output_bytes    INTEGER NOT NULL DEFAULT 0,
    output          TEXT    NOT NULL DEFAULT '',
    UNIQUE (log_id, run_server, started_at)
);
