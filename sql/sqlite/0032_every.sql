-- The same as in MySQL: see sql/mysql.
-- alters log: a new column
ALTER TABLE log ADD COLUMN for_node TEXT NOT NULL DEFAULT '';
