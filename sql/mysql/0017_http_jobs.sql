-- Jobs that are requests: see docs/http-jobs.md. The defaults are what every job was before. http_headers has
-- line breaks between, http_expect commas; NULL is an empty text.
-- unless column cron.kind
ALTER TABLE cron
    ADD COLUMN kind             VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'command',
    ADD COLUMN http_url         TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL,
    ADD COLUMN http_method      VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'auto',
    ADD COLUMN http_headers     MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL,
    ADD COLUMN http_body        MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL,
    ADD COLUMN http_expect      VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    ADD COLUMN http_expect_text TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL,
    ADD COLUMN http_redirects   INT UNSIGNED NOT NULL DEFAULT 5,
    ADD COLUMN http_verify      TINYINT NOT NULL DEFAULT 1;
-- As in table log.
-- unless column doubled_run.http_status
ALTER TABLE doubled_run ADD COLUMN http_status SMALLINT UNSIGNED NULL DEFAULT NULL;
