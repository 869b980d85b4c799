-- What was done about a clock that had been ahead (Unix milliseconds): when, how far the plan had
-- come by it, and how many rows of the ledger, due after that, were moved to about when they truly
-- ran.
CREATE TABLE IF NOT EXISTS clock_step (
    at              BIGINT NOT NULL PRIMARY KEY,
    planned_through BIGINT NOT NULL,
    moved           BIGINT NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
