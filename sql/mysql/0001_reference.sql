-- The tables of wing-crontab, so that a new database and one of an old installation go the same
-- way from here. wing-crontab was published with two versions of table cron, one without is_mutex
-- and lock_limit, one without start_time and end_time; here it has the columns of both.

CREATE TABLE IF NOT EXISTS cron (
    id         INT           NOT NULL AUTO_INCREMENT,
    cron_set   VARCHAR(128)  NOT NULL DEFAULT '',
    start_time INT           NOT NULL DEFAULT 0,
    end_time   INT           NOT NULL DEFAULT 0,
    command    VARCHAR(2048) NOT NULL DEFAULT '',
    is_mutex   TINYINT       NOT NULL DEFAULT 0,
    stop       TINYINT       NOT NULL DEFAULT 0,
    remark     VARCHAR(1024) NOT NULL DEFAULT '',
    lock_limit INT           NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- unless column cron.start_time
ALTER TABLE cron ADD COLUMN start_time INT NOT NULL DEFAULT 0 AFTER cron_set;

-- unless column cron.end_time
ALTER TABLE cron ADD COLUMN end_time INT NOT NULL DEFAULT 0 AFTER start_time;

-- unless column cron.is_mutex
ALTER TABLE cron ADD COLUMN is_mutex TINYINT NOT NULL DEFAULT 0 AFTER command;

-- unless column cron.lock_limit
ALTER TABLE cron ADD COLUMN lock_limit INT NOT NULL DEFAULT 0 AFTER remark;

CREATE TABLE IF NOT EXISTS log (
    id              INT           NOT NULL AUTO_INCREMENT,
    cron_id         INT           NOT NULL DEFAULT 0,
    time            BIGINT        NOT NULL,
    output          LONGTEXT      NOT NULL,
    use_time        BIGINT        NOT NULL,
    dispatch_time   INT           NOT NULL DEFAULT 0,
    dispatch_server VARCHAR(1024) NOT NULL DEFAULT '',
    run_server      VARCHAR(1024) NOT NULL DEFAULT '',
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
