-- The same as in MySQL: see sql/mysql.
CREATE TABLE clock_step (
    at              INTEGER PRIMARY KEY,
    planned_through INTEGER NOT NULL,
    set_back_to     INTEGER NOT NULL,
    moved           INTEGER NOT NULL
);
