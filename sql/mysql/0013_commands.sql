-- As whom and with what a command runs: see docs/commands.md. The defaults are what every job did
-- before. The lists have line breaks (env) or commas between; NULL is an empty text. nice is added to
-- the node's.
-- unless column cron.env
ALTER TABLE cron
    ADD COLUMN env           MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL,
    ADD COLUMN work_dir      TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL,
    ADD COLUMN umask         VARCHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    ADD COLUMN stdin         MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL,
    ADD COLUMN nice          TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN success_codes VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin
                             NOT NULL DEFAULT '',
    ADD COLUMN stop_signal   VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin
                             NOT NULL DEFAULT 'SIGTERM',
    ADD COLUMN kill_grace    INT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN run_as        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
