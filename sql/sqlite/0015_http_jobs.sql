-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron ADD COLUMN kind             TEXT    NOT NULL DEFAULT 'command';
ALTER TABLE cron ADD COLUMN http_url         TEXT    NOT NULL DEFAULT '';
ALTER TABLE cron ADD COLUMN http_method      TEXT    NOT NULL DEFAULT 'auto';
ALTER TABLE cron ADD COLUMN http_headers     TEXT    NOT NULL DEFAULT '';
ALTER TABLE cron ADD COLUMN http_body        TEXT    NOT NULL DEFAULT '';
ALTER TABLE cron ADD COLUMN http_expect      TEXT    NOT NULL DEFAULT '';
ALTER TABLE cron ADD COLUMN http_expect_text TEXT    NOT NULL DEFAULT '';
ALTER TABLE cron ADD COLUMN http_redirects   INTEGER NOT NULL DEFAULT 5;
ALTER TABLE cron ADD COLUMN http_verify      INTEGER NOT NULL DEFAULT 1;
ALTER TABLE doubled_run ADD COLUMN http_status INTEGER NULL;
