-- Second accounts of an attempt: a report that its row in table log contradicts, because the row says
-- that it ran at another node, at another moment, or not at all. Table log keeps one of the two, this
-- one the other, whole. started_at is 0 when the report does not say.
CREATE TABLE IF NOT EXISTS doubled_run (
    id              BIGINT       NOT NULL AUTO_INCREMENT,
    log_id          BIGINT       NOT NULL,
    run_server      VARCHAR(255) NOT NULL DEFAULT '',
    started_at      BIGINT       NOT NULL DEFAULT 0,
    state           ENUM('planned', 'running', 'success', 'failed', 'timeout', 'killed',
                         'lost', 'fenced', 'skipped', 'revoked') NOT NULL,
    reason          VARCHAR(255) NOT NULL DEFAULT '',
    dispatch_server VARCHAR(255) NOT NULL DEFAULT '',
    epoch           BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ended_at        BIGINT       NULL DEFAULT NULL,
    use_time        BIGINT       NOT NULL DEFAULT 0,
    exit_code       INT          NULL DEFAULT NULL,
    term_signal     INT          NULL DEFAULT NULL,
    cpu_time        BIGINT       NOT NULL DEFAULT 0,
    max_rss         BIGINT       NOT NULL DEFAULT 0,
    output_bytes    BIGINT       NOT NULL DEFAULT 0,
    output          LONGTEXT     NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY by_account (log_id, run_server, started_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
