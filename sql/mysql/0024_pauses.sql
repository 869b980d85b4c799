-- Times in which jobs do not start by themselves: see docs/when-not.md. Of one job (cron_id), of those with a tag, or of
-- all. Moments are Unix milliseconds. until_at: NULL = until a person ends it; ended_at: when one did.
CREATE TABLE IF NOT EXISTS pause (
    id        BIGINT       NOT NULL AUTO_INCREMENT,
    cron_id   BIGINT       NOT NULL DEFAULT 0,
    tag       VARCHAR(64)  NOT NULL DEFAULT '',
    begins_at BIGINT       NOT NULL,
    until_at  BIGINT       NULL DEFAULT NULL,
    ended_at  BIGINT       NULL DEFAULT NULL,
    reason    VARCHAR(255) NOT NULL DEFAULT '',
    made_by   VARCHAR(255) NOT NULL DEFAULT '',
    ended_by  VARCHAR(255) NOT NULL DEFAULT '',
    PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
