"""Jobs that fire each second for a while, added straight to the database, and what the ledger says of them.

Schedules have whole seconds, so a rate of N fires/s is N fires at the same moment, each second.
"""
import json
import subprocess
import time

from figures import quantile
from harness import BINARY, FINAL, wait_until

# An audit is sure of fires that are so far (seconds) from a change of their job, and from now. Nodes look for rows
# changed by hand every 2 s.
SURE = 6
LEAD = SURE + 1  # from adding jobs to their first fire
SQL_SECONDS = 900
LATE_MS = 1000  # a rate holds while no fire begins later


class Level:
    """So many fires a second from one second on, for some seconds."""

    def __init__(self, rate, begin, seconds):
        self.rate, self.begin, self.seconds = rate, begin, seconds

    @property
    def end(self):
        return self.begin + self.seconds

    @property
    def fires(self):
        return self.rate * self.seconds

    @property
    def rows(self):
        """The condition for its rows in table log; column time has an index."""
        return f"time >= {self.begin} AND time < {self.end}"


def is_solo(cluster):
    return hasattr(cluster, "process")


def sequence(cluster, count):
    """A FROM clause with a column seq from 1 to count."""
    if is_solo(cluster):
        return (f"(WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < {count})"
                " SELECT seq FROM n) AS numbers")
    return f"seq_1_to_{count}"


def add_jobs(cluster, count, command, begin, end):
    quoted = command.replace("'", "''")
    cluster.sql(f"INSERT INTO cron (cron_set, command, start_time, end_time) SELECT '* * * * * *', '{quoted}',"
                f" {begin}, {end} FROM {sequence(cluster, count)}", seconds=SQL_SECONDS)


def plan_levels(cluster, rates, seconds, pause, command):
    """Adds the jobs of a sequence of levels, `pause` seconds between them."""
    begin = int(time.time()) + LEAD + 1
    levels = []
    for rate in rates:
        levels.append(Level(rate, begin, seconds))
        begin += seconds + pause
    for level in levels:
        add_jobs(cluster, level.rate, command, level.begin, level.end)
    return levels


def drop_jobs(cluster):
    cluster.sql("DELETE FROM cron", seconds=SQL_SECONDS)


def wait_noted(cluster):
    """Until the dispatcher has written the history of jobs that were added to the database itself, or deleted there."""
    unknown = "SELECT COUNT(*) FROM cron WHERE id NOT IN (SELECT cron_id FROM cron_revision)"
    gone = ("SELECT COUNT(*) FROM cron_revision WHERE id IN (SELECT MAX(id) FROM cron_revision GROUP BY cron_id)"
            " AND definition_after IS NOT NULL AND cron_id NOT IN (SELECT id FROM cron)")
    wait_until(lambda: cluster.sql(f"SELECT ({unknown}) + ({gone}) AS n")[0]["n"] == "0", 300,
               "the dispatcher has noted which jobs there are")


def sleep_until(moment):
    time.sleep(max(0.0, moment - time.time()))


def wait_recorded(cluster, level, seconds):
    """Until every fire of the level has a final row; False when that takes longer."""
    final = ", ".join(f"'{state}'" for state in sorted(FINAL))

    def done():
        rows = cluster.sql(f"SELECT COUNT(*) AS n FROM log WHERE {level.rows} AND state IN ({final})")
        return int(rows[0]["n"]) >= level.fires

    try:
        return wait_until(done, seconds, "")
    except AssertionError:
        return False


def outcomes(cluster, level):
    """(state, reason) → count of the level's rows."""
    rows = cluster.sql(f"SELECT state, reason, COUNT(*) AS n FROM log WHERE {level.rows} GROUP BY state, reason")
    return {(row["state"], row["reason"].split(":")[0]): int(row["n"]) for row in rows}


def lateness_ms(cluster, level):
    """Scheduled time → spawned, of every run of the level that was started, by the ledger (whole milliseconds)."""
    rows = cluster.sql(f"SELECT started_at - scheduled_at AS late, COUNT(*) AS n FROM log WHERE {level.rows}"
                       " AND started_at IS NOT NULL GROUP BY late ORDER BY late")
    return [int(row["late"]) for row in rows for _ in range(int(row["n"]))]


def require_recorded(cluster, level, seconds=360):
    """Waits as wait_recorded. What was too much for a cluster waits for dispatch.start_deadline at most and is given up,
    so that after six minutes the ledger is complete."""
    if not wait_recorded(cluster, level, seconds):
        raise RuntimeError(f"not all of the {level.fires:,} fires at {level.rate:,}/s have ended after {seconds} s")


def judge(cluster, level):
    """The result of a level. It holds when every fire has ended well, is recorded, and began in time."""
    recorded = wait_recorded(cluster, level, 0.1)
    ends = outcomes(cluster, level)
    late = lateness_ms(cluster, level)
    good = ends.get(("success", ""), 0)
    in_time = bool(late) and late[-1] <= LATE_MS
    return {"rate": level.rate, "fires": level.fires, "success": good, "late_max_ms": late[-1] if late else None,
            "late_p50_ms": quantile(late, 0.5), "not_recorded": level.fires - sum(ends.values()),
            "holds": recorded and good == level.fires and in_time,
            "outcomes": {" ".join(filter(None, key)): count for key, count in ends.items()}}


def audit(cluster, level, late):
    """What `peercron audit` says of a level's fires, when it can be sure of them: (whether every one has its row, as it
    should be, and none began later than `late`; the totals)."""
    sleep_until(level.end + SURE)
    done = subprocess.run([str(BINARY), "audit", "--url", cluster.url, "--json", "--from", str(level.begin),
                           "--to", str(level.end), "--late", late], capture_output=True, text=True, timeout=300)
    if not done.stdout:
        raise RuntimeError(f"peercron audit: exit {done.returncode}: {done.stderr.strip()}")
    totals = json.loads(done.stdout)["totals"]
    return done.returncode == 0 and totals["due"] == level.fires and totals["unjudged_fires"] == 0, totals
