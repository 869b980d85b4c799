-- The same as in MySQL: see sql/mysql.
CREATE TABLE account (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    password     TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    tags         TEXT    NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL,
    signed_in_at INTEGER NULL
);

CREATE TABLE token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    digest     TEXT    NOT NULL UNIQUE,
    role       TEXT    NOT NULL,
    tags       TEXT    NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL DEFAULT '',
    expires_at INTEGER NULL,
    used_at    INTEGER NULL
);

CREATE TABLE session (
    digest     TEXT    PRIMARY KEY,
    account_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_by_account ON session (account_id);
CREATE INDEX session_by_use ON session (used_at);

CREATE TABLE access_event (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    what    TEXT    NOT NULL,
    who     TEXT    NOT NULL,
    address TEXT    NOT NULL,
    detail  TEXT    NOT NULL
);
