-- Jobs learn when they changed, table log becomes the ledger, and the dispatcher's term is kept.
--
-- Every new column has a default, so that a row written by hand with the columns of wing-crontab
-- is a whole one. Collation utf8mb4_unicode_520_ci: the newest that MySQL 5.7, MySQL 8 and MariaDB
-- share; the older ones take all emoji for the same character.
-- alters log: a new form of the whole table, with its indexes

-- effective_from (Unix milliseconds) belongs to the change at effective_set_at. When changed_at is
-- another moment, the row was changed by hand since, and is effective from changed_at.
-- command holds up to 65,535 bytes. lock_limit is kept for those who write it, and not used.
-- unless column cron.changed_at
ALTER TABLE cron
    ENGINE=InnoDB ROW_FORMAT=DYNAMIC,
    CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci,
    MODIFY COLUMN id         BIGINT NOT NULL AUTO_INCREMENT,
    MODIFY COLUMN cron_set   VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                             NOT NULL DEFAULT '',
    MODIFY COLUMN start_time BIGINT NOT NULL DEFAULT 0,
    MODIFY COLUMN end_time   BIGINT NOT NULL DEFAULT 0,
    MODIFY COLUMN command    TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci NOT NULL,
    ADD COLUMN time_zone        VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                                NOT NULL DEFAULT '',
    ADD COLUMN timeout          INT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN effective_from   BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN effective_set_at TIMESTAMP(6) NULL DEFAULT NULL,
    ADD COLUMN changed_at       TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
                                ON UPDATE CURRENT_TIMESTAMP(6),
    ADD KEY by_change (changed_at);

-- Server names are indexed whole, so that counting by one reads the index only. A name is an
-- address and a port; longer ones than 255 characters have no use.
-- unless column log.scheduled_at
UPDATE log SET dispatch_server = LEFT(dispatch_server, 255), run_server = LEFT(run_server, 255)
    WHERE CHAR_LENGTH(dispatch_server) > 255 OR CHAR_LENGTH(run_server) > 255;

-- One ALTER, because each one copies a table of millions of rows. A row without scheduled_at is
-- older than this, or was written by hand: nobody knows how it ended, and the defaults say so.
-- unless column log.scheduled_at
ALTER TABLE log
    ENGINE=InnoDB ROW_FORMAT=DYNAMIC,
    CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci,
    MODIFY COLUMN id              BIGINT NOT NULL AUTO_INCREMENT,
    MODIFY COLUMN cron_id         BIGINT NOT NULL DEFAULT 0,
    MODIFY COLUMN dispatch_time   BIGINT NOT NULL DEFAULT 0,
    MODIFY COLUMN dispatch_server VARCHAR(255) CHARACTER SET utf8mb4
                                  COLLATE utf8mb4_unicode_520_ci NOT NULL DEFAULT '',
    MODIFY COLUMN run_server      VARCHAR(255) CHARACTER SET utf8mb4
                                  COLLATE utf8mb4_unicode_520_ci NOT NULL DEFAULT '',
    ADD COLUMN scheduled_at BIGINT NULL DEFAULT NULL,
    ADD COLUMN attempt      INT NOT NULL DEFAULT 1,
    ADD COLUMN state        ENUM('planned', 'running', 'success', 'failed', 'timeout', 'killed',
                                 'lost', 'fenced', 'skipped', 'revoked')
                            CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                            NOT NULL DEFAULT 'success',
    ADD COLUMN reason       VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci
                            NOT NULL DEFAULT 'legacy: outcome not recorded',
    ADD COLUMN exit_code    INT NULL DEFAULT NULL,
    ADD COLUMN term_signal  INT NULL DEFAULT NULL,
    ADD COLUMN started_at   BIGINT NULL DEFAULT NULL,
    ADD COLUMN ended_at     BIGINT NULL DEFAULT NULL,
    ADD COLUMN epoch        BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN cpu_time     BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN max_rss      BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN output_bytes BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN fires        BIGINT NOT NULL DEFAULT 1,
    ADD COLUMN gap_end      BIGINT NULL DEFAULT NULL,
    ADD UNIQUE KEY by_run (cron_id, scheduled_at, attempt),
    ADD KEY by_job (cron_id, id),
    ADD KEY by_state (state, id),
    ADD KEY by_run_server (run_server, id),
    ADD KEY by_dispatch_server (dispatch_server, id),
    ADD KEY by_time (time, id);

-- One row: who dispatches, and how far the plan is in the ledger (Unix milliseconds).
CREATE TABLE IF NOT EXISTS term (
    id              TINYINT         NOT NULL,
    epoch           BIGINT UNSIGNED NOT NULL DEFAULT 0,
    dispatcher      VARCHAR(255)    NOT NULL DEFAULT '',
    planned_through BIGINT          NULL DEFAULT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

INSERT INTO term (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 1;
