-- Table log, altered once for what comes: fires of several parts, causes that can be searched for,
-- commands that are HTTP requests, and retries.
--
-- Three statements, because together none of them would be quick: where the server can, it adds the
-- columns without touching a row, and builds the index while others write. No ALGORITHM and no LOCK
-- is named, so each server takes the best that it has. Nodes of the version before go on: their
-- statements name no new column.
-- alters log: new columns, and one more column in the index by_run

-- part: of a fire that is several runs, from 0. http_status: of the answer. retry_at: when the next
-- attempt is due (Unix milliseconds).
-- unless column log.part
ALTER TABLE log
    ADD COLUMN part        INT NOT NULL DEFAULT 0,
    ADD COLUMN http_status SMALLINT UNSIGNED NULL DEFAULT NULL,
    ADD COLUMN retry_at    BIGINT NULL DEFAULT NULL;

-- The part comes last, so that rows are read from the index in the order that they had before. One
-- statement: the old index is in force until the new one takes its place.
-- unless column log.part of index by_run
ALTER TABLE log
    DROP KEY by_run,
    ADD UNIQUE KEY by_run (cron_id, scheduled_at, attempt, part);

-- The first word of the reason. Computed when it is read, so that old rows have it, too.
-- unless column log.cause
ALTER TABLE log
    ADD COLUMN cause VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
        GENERATED ALWAYS AS (LEFT(SUBSTRING_INDEX(reason, ':', 1), 20)) VIRTUAL;
