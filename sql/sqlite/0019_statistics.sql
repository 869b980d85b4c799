-- The same as in MySQL: see sql/mysql.
ALTER TABLE cron_counter ADD COLUMN statistics TEXT    NULL;
ALTER TABLE cron_counter ADD COLUMN last_state TEXT    NULL;
ALTER TABLE cron_counter ADD COLUMN usual_time INTEGER NULL;
ALTER TABLE cron_counter ADD COLUMN late_p99   INTEGER NULL;
CREATE INDEX cron_counter_by_last_state ON cron_counter (last_state);

UPDATE cron_counter SET last_state =
    (SELECT CASE WHEN log.state = 'skipped' AND log.cause IN ('misfire', 'no-node', 'overload',
                     'owner-unreachable', 'node-isolated') THEN 'missed' ELSE log.state END
     FROM log WHERE log.cron_id = cron_counter.cron_id AND log.scheduled_at IS NOT NULL
         AND log.state NOT IN ('planned', 'running', 'revoked')
     ORDER BY log.scheduled_at DESC, log.attempt DESC LIMIT 1);

CREATE TABLE run_tally (
    at         INTEGER NOT NULL,
    run_server TEXT    NOT NULL,
    tally      TEXT    NOT NULL,
    PRIMARY KEY (at, run_server)
) WITHOUT ROWID;

CREATE TABLE begun_term (
    epoch      INTEGER PRIMARY KEY,
    dispatcher TEXT    NOT NULL,
    at         INTEGER NOT NULL
);
CREATE INDEX begun_term_by_time ON begun_term (at);

ALTER TABLE cron_revision ADD COLUMN reason TEXT NOT NULL DEFAULT '';
