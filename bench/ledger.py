"""A ledger and a table of jobs of any size, filled in the database itself."""
import time

import load

DAYS = 30  # that the rows are spread over, to the present
NEEDLE_EACH = 1000  # so many outputs hold one with the word to search for
FAILED_EACH = 50
CHUNK = 500_000
COLUMNS = ("cron_id, time, output, use_time, dispatch_time, dispatch_server, run_server, scheduled_at, attempt, state,"
           " reason, exit_code, started_at, ended_at, epoch, cpu_time, max_rss, output_bytes")


def fill(cluster, jobs, rows):
    """Jobs that are never due while it lasts; rows of these jobs in turn, the times ascending. Returns the id of
    the first job."""
    began = time.monotonic()
    next_year = time.gmtime().tm_year + 1
    cluster.sql("INSERT INTO cron (name, cron_set, command, remark) SELECT " + concat(cluster, "'job-'", "seq") +
                f", '0 0 3 1 1 * {next_year}', 'true', CASE WHEN seq % {NEEDLE_EACH} = 0 THEN 'needle' ELSE 'hay' END"
                f" FROM {load.sequence(cluster, jobs)}", seconds=load.SQL_SECONDS)
    first_job = int(cluster.sql("SELECT MIN(id) AS id FROM cron")[0]["id"])
    for begin in range(0, rows, CHUNK):
        cluster.sql(insert_rows(cluster, jobs, first_job, rows, begin, min(CHUNK, rows - begin)),
                    seconds=load.SQL_SECONDS)
        print(f"   {min(begin + CHUNK, rows):,} of {rows:,} rows after {time.monotonic() - began:.0f} s", flush=True)
    return first_job


def concat(cluster, *parts):
    return " || ".join(parts) if load.is_solo(cluster) else f"CONCAT({', '.join(parts)})"


def insert_rows(cluster, jobs, first_job, rows, begin, count):
    """Statement for the rows number begin + 1 to begin + count of all."""
    number = f"({begin} + seq)"
    second = f"({int(time.time()) - DAYS * 86400 - 60} + {number} * {DAYS * 86400} DIV {rows})"
    if load.is_solo(cluster):
        second = second.replace(" DIV ", " / ")
    text = concat(cluster, "'line '", number, f"CASE WHEN {number} % {NEEDLE_EACH} = 0 THEN ' needle' ELSE '' END",
                  "' of what the command said\n'")
    failed = f"{number} % {FAILED_EACH} = 0"
    server = concat(cluster, "'127.0.0.1:'", f"9991 + 2 * ({number} % 3)")
    values = [f"{first_job} + {number} % {jobs}", second, text, "12", f"{second} - 2", "'127.0.0.1:9991'", server,
              f"{second} * 1000", "1", f"CASE WHEN {failed} THEN 'failed' ELSE 'success' END",
              "''", f"CASE WHEN {failed} THEN 1 ELSE 0 END", f"{second} * 1000 + 3", f"{second} * 1000 + 15", "1", "2",
              "0", "40"]
    return f"INSERT INTO log ({COLUMNS}) SELECT {', '.join(values)} FROM {load.sequence(cluster, count)}"
