-- What a person who runs the job by hand may set, with line breaks between; NULL is nothing.
-- unless column cron.inputs
ALTER TABLE cron
    ADD COLUMN inputs TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL;
