-- The history of the jobs: a row for each change, whoever made it. Definitions as JSON under the
-- names of the columns of table cron; NULL = there was, or is, no such job. effective_from in Unix
-- milliseconds. author and origin are empty for a change that was made in the database itself.
CREATE TABLE IF NOT EXISTS cron_revision (
    id                BIGINT       NOT NULL AUTO_INCREMENT,
    cron_id           BIGINT       NOT NULL,
    effective_from    BIGINT       NOT NULL,
    author            VARCHAR(255) NOT NULL DEFAULT '',
    origin            VARCHAR(255) NOT NULL DEFAULT '',
    definition_before MEDIUMTEXT   NULL,
    definition_after  MEDIUMTEXT   NULL,
    PRIMARY KEY (id),
    KEY by_job (cron_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
