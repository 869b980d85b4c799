-- Who is told when jobs do not run as they should: see docs/notices.md.
-- A place that messages are sent to. settings: a JSON object of texts, secrets included; tags: words with commas
-- between, '' = none.
CREATE TABLE IF NOT EXISTS notice_channel (
    id         BIGINT      NOT NULL AUTO_INCREMENT,
    name       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind       VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    settings   MEDIUMTEXT  NOT NULL,
    tags       VARCHAR(2080) NOT NULL DEFAULT '',
    every_job  TINYINT     NOT NULL DEFAULT 0,
    stop       TINYINT     NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY by_name (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- The rows of table log that have ended and that the dispatcher has not looked at yet: written in the transaction in
-- which they end. A row may come again.
CREATE TABLE IF NOT EXISTS notice_end (
    id     BIGINT NOT NULL AUTO_INCREMENT,
    log_id BIGINT NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- What has been noticed of a job (JSON), and when it is to be looked at again, in Unix milliseconds.
CREATE TABLE IF NOT EXISTS notice_job (
    cron_id BIGINT     NOT NULL,
    watch   MEDIUMTEXT NOT NULL,
    due_at  BIGINT     NULL DEFAULT NULL,
    PRIMARY KEY (cron_id),
    KEY by_time (due_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- The outbox: one row for each message to a channel. notice: the same for every message about the same; body: JSON.
CREATE TABLE IF NOT EXISTS notice_delivery (
    id         BIGINT       NOT NULL AUTO_INCREMENT,
    channel_id BIGINT       NOT NULL,
    notice     VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    cron_id    BIGINT       NOT NULL DEFAULT 0,
    body       MEDIUMTEXT   NOT NULL,
    state      ENUM('waiting', 'sent', 'refused', 'expired') NOT NULL DEFAULT 'waiting',
    attempts   INT          NOT NULL DEFAULT 0,
    created_at BIGINT       NOT NULL,
    due_at     BIGINT       NOT NULL,
    ended_at   BIGINT       NULL DEFAULT NULL,
    answer     TEXT         NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY by_notice (channel_id, notice),
    KEY by_time (channel_id, state, due_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- The newest dispatcher that has noticed anything: what an older one still does fails.
CREATE TABLE IF NOT EXISTS notice_term (
    id    TINYINT         NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT IGNORE INTO notice_term (id, epoch) VALUES (1, 0);
