-- Rows of the ledger that were due before this moment (Unix milliseconds) may have been deleted for
-- their age: an audit begins there.
-- unless column term.expired_through
ALTER TABLE term ADD COLUMN expired_through BIGINT NULL DEFAULT NULL;
