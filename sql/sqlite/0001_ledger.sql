-- The same tables as in MySQL, with the same columns and units: see sql/mysql.

-- `change` is the number of the row's last change, by whomever; `api_change` counts those that came
-- with an effective_from of their own. A row that is changed by hand, as with the sqlite3 shell, is
-- effective from that change: the triggers below see to it. Booleans are 0 and 1.
CREATE TABLE cron (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT    NULL     UNIQUE,
    cron_set       TEXT    NOT NULL DEFAULT '',
    command        TEXT    NOT NULL DEFAULT '',
    remark         TEXT    NOT NULL DEFAULT '',
    stop           INTEGER NOT NULL DEFAULT 0,
    is_mutex       INTEGER NOT NULL DEFAULT 0,
    start_time     INTEGER NOT NULL DEFAULT 0,
    end_time       INTEGER NOT NULL DEFAULT 0,
    time_zone      TEXT    NOT NULL DEFAULT '',
    timeout        INTEGER NOT NULL DEFAULT 0,
    run_limit      INTEGER NOT NULL DEFAULT 0,
    misfire_window INTEGER NULL,
    effective_from INTEGER NOT NULL DEFAULT 0,
    api_change     INTEGER NOT NULL DEFAULT 0,
    change         INTEGER NOT NULL DEFAULT 0,
    -- As in MySQL: characters, but the command in bytes.
    CHECK (length(name) <= 128),
    CHECK (length(cron_set) <= 255),
    CHECK (length(CAST(command AS BLOB)) <= 65535),
    CHECK (length(remark) <= 1024),
    CHECK (length(time_zone) <= 64)
);

CREATE INDEX cron_by_change ON cron (change);

-- One row: the number of the last change. Kept apart, so that no number comes back when the row
-- that had it is deleted.
CREATE TABLE last_change (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
);

INSERT INTO last_change (id, number) VALUES (1, 0);

-- The Julian day is the only clock of SQLite 3.40 with milliseconds; 2440587.5 is 1970.
CREATE TRIGGER cron_inserted AFTER INSERT ON cron BEGIN
    UPDATE last_change SET number = number + 1;
    UPDATE cron SET change = (SELECT number FROM last_change),
        effective_from = CASE WHEN NEW.api_change > 0 THEN NEW.effective_from
            ELSE CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) END
        WHERE id = NEW.id;
END;

CREATE TRIGGER cron_updated AFTER UPDATE ON cron WHEN NEW.change = OLD.change BEGIN
    UPDATE last_change SET number = number + 1;
    UPDATE cron SET change = (SELECT number FROM last_change),
        effective_from = CASE WHEN NEW.api_change <> OLD.api_change THEN NEW.effective_from
            ELSE CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) END
        WHERE id = NEW.id;
END;

CREATE TABLE cron_counter (
    cron_id     INTEGER PRIMARY KEY,
    run_num     INTEGER NOT NULL DEFAULT 0,
    last_run_at INTEGER NULL
);

CREATE TABLE log (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    cron_id         INTEGER NOT NULL,
    scheduled_at    INTEGER NULL,  -- NULL: copied from a log of wing-crontab
    attempt         INTEGER NOT NULL DEFAULT 1,
    time            INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    reason          TEXT    NOT NULL DEFAULT '',
    run_server      TEXT    NOT NULL DEFAULT '',
    dispatch_server TEXT    NOT NULL DEFAULT '',
    dispatch_time   INTEGER NOT NULL DEFAULT 0,
    epoch           INTEGER NOT NULL DEFAULT 0,
    requested_by    TEXT    NOT NULL DEFAULT '',
    started_at      INTEGER NULL,
    ended_at        INTEGER NULL,
    use_time        INTEGER NOT NULL DEFAULT 0,
    exit_code       INTEGER NULL,
    term_signal     INTEGER NULL,
    cpu_time        INTEGER NOT NULL DEFAULT 0,
    max_rss         INTEGER NOT NULL DEFAULT 0,
    output_bytes    INTEGER NOT NULL DEFAULT 0,
    fires           INTEGER NOT NULL DEFAULT 1,
    gap_end         INTEGER NULL,
    output          TEXT    NOT NULL DEFAULT ''
);

-- An index of SQLite ends with the row's id, by which every list is ordered.
CREATE UNIQUE INDEX log_by_run ON log (cron_id, scheduled_at, attempt);
CREATE INDEX log_by_job ON log (cron_id);
CREATE INDEX log_by_state ON log (state);
CREATE INDEX log_by_time ON log (time);
CREATE INDEX log_by_run_server ON log (run_server);
CREATE INDEX log_by_dispatch_server ON log (dispatch_server);

-- One row: who dispatches, and how far the plan is in the ledger.
CREATE TABLE term (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    epoch           INTEGER NOT NULL DEFAULT 0,
    dispatcher      TEXT    NOT NULL DEFAULT '',
    planned_through INTEGER NULL
);

INSERT INTO term (id) VALUES (1);
