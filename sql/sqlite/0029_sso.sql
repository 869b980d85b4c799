-- The same as in MySQL: see sql/mysql.
ALTER TABLE account ADD COLUMN sso INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN identity TEXT NOT NULL DEFAULT '';
