-- Calendars that the fires of a job must be in, or with ! before the name must not: names with commas between
-- (docs/calendars.md).
-- unless column cron.calendar
ALTER TABLE cron ADD COLUMN calendar VARCHAR(1055) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';

-- What calendars say, and said, from set_at on and before ended_at (Unix milliseconds; NULL: it is the present one). A
-- change of one is a row of its own.
CREATE TABLE IF NOT EXISTS calendar (
    id       BIGINT        NOT NULL AUTO_INCREMENT,
    name     VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    remark   VARCHAR(1024) NOT NULL DEFAULT '',
    dates    TEXT          NOT NULL,
    ical     MEDIUMTEXT    NOT NULL,
    set_by   VARCHAR(255)  NOT NULL,
    set_at   BIGINT        NOT NULL,
    ended_at BIGINT        NULL DEFAULT NULL,
    ended_by VARCHAR(255)  NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    KEY by_name (name),
    KEY by_end (ended_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
