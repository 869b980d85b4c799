-- Fires of the past that a person wants to run (docs/catching-up.md); times in milliseconds. The ledger's rows of
-- their runs have requested_by.
CREATE TABLE IF NOT EXISTS backfill (
    id           BIGINT NOT NULL AUTO_INCREMENT,
    cron_id      BIGINT NOT NULL,
    from_at      BIGINT NOT NULL,
    to_at        BIGINT NOT NULL,
    only_word    VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    parallel     INT UNSIGNED NOT NULL,
    asked_by     VARCHAR(255) NOT NULL,
    asked_at     BIGINT NOT NULL,
    state        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    why          VARCHAR(255) NOT NULL,
    ended_at     BIGINT NULL DEFAULT NULL,
    requested_by VARCHAR(255) NOT NULL,
    PRIMARY KEY (id),
    KEY by_state (state),
    KEY by_job (cron_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS backfill_fire (
    backfill_id  BIGINT NOT NULL,
    scheduled_at BIGINT NOT NULL,
    PRIMARY KEY (backfill_id, scheduled_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
