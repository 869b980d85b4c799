-- The same as in MySQL: see sql/mysql.
ALTER TABLE term ADD COLUMN expired_through INTEGER;
