-- The same as in MySQL: see sql/mysql.
CREATE TABLE backfill (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    cron_id      INTEGER NOT NULL,
    from_at      INTEGER NOT NULL,
    to_at        INTEGER NOT NULL,
    only_word    TEXT    NOT NULL,
    parallel     INTEGER NOT NULL,
    asked_by     TEXT    NOT NULL,
    asked_at     INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    why          TEXT    NOT NULL,
    ended_at     INTEGER NULL,
    requested_by TEXT    NOT NULL
);
CREATE INDEX backfill_by_state ON backfill (state);
CREATE INDEX backfill_by_job ON backfill (cron_id);

CREATE TABLE backfill_fire (
    backfill_id  INTEGER NOT NULL,
    scheduled_at INTEGER NOT NULL,
    PRIMARY KEY (backfill_id, scheduled_at)
) WITHOUT ROWID;
