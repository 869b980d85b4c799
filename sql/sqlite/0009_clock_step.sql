-- The same as in MySQL: see sql/mysql.
CREATE TABLE clock_step (
    at              INTEGER PRIMARY KEY,
    planned_through INTEGER NOT NULL,
    moved           INTEGER NOT NULL
);
