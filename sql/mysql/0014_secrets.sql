-- Files with secrets that the command gets, with commas between; NULL is none.
-- unless column cron.secrets
ALTER TABLE cron ADD COLUMN secrets TEXT CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL;
