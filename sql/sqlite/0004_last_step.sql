-- The same as in MySQL: see sql/mysql.
ALTER TABLE term ADD COLUMN step_epoch  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE term ADD COLUMN step_number INTEGER NOT NULL DEFAULT 0;
