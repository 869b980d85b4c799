-- Which step of which term was stored last. While the database is away a dispatcher goes on with
-- copies of its steps at the nodes; its successor has to know which of them are missing here.
-- unless column term.step_epoch
ALTER TABLE term
    ADD COLUMN step_epoch  BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN step_number BIGINT UNSIGNED NOT NULL DEFAULT 0;
