"""A ledger and a table of jobs of any size, filled in the database itself: MariaDB."""
import contextlib
import subprocess
import time

import load

DAYS = 30  # that the rows are spread over, to the present
NEEDLE_EACH = 1000  # one output of this many has the word to search for
FAILED_EACH = 50
CHUNK = 500_000
FILLING = {"innodb_buffer_pool_size": 3 << 30, "innodb_log_file_size": 1 << 30, "innodb_io_capacity_max": 20_000,
           "innodb_io_capacity": 4_000}
COLUMNS = ("cron_id, time, output, use_time, dispatch_time, dispatch_server, run_server, scheduled_at, attempt, state,"
           " reason, exit_code, started_at, ended_at, epoch, cpu_time, max_rss, output_bytes")


def fill(cluster, jobs, rows):
    """Jobs that are never due while it lasts, with their histories; rows of these jobs in turn, the times ascending.
    Returns the id of the first job."""
    began = time.monotonic()
    template = cluster.add("true", f"0 0 3 1 1 * {time.gmtime().tm_year + 1}", name="the-name", remark="the remark")
    # With histories, in one transaction: the dispatcher would take minutes to write those of so large a table.
    cluster.sql(f"""
        START TRANSACTION;
        INSERT INTO cron (name, cron_set, command, remark)
            SELECT CONCAT('job-', seq), cron_set, command, IF(seq % {NEEDLE_EACH} = 0, 'needle', 'hay')
            FROM cron JOIN seq_1_to_{jobs - 1} WHERE id = {template};
        INSERT INTO cron_revision (cron_id, effective_from, definition_after)
            SELECT cron.id, UNIX_TIMESTAMP() * 1000,
                REPLACE(REPLACE(definition_after, 'the-name', name), 'the remark', remark)
            FROM cron JOIN cron_revision AS model ON model.cron_id = {template} WHERE cron.id > {template};
        COMMIT""", seconds=load.SQL_SECONDS)
    with large_memory(cluster):
        for begin in range(0, rows, CHUNK):
            cluster.sql(insert_rows(jobs, template, rows, begin, min(CHUNK, rows - begin)), seconds=load.SQL_SECONDS)
            print(f"   {min(begin + CHUNK, rows):,} of {rows:,} rows after {time.monotonic() - began:.0f} s", flush=True)
    return template


@contextlib.contextmanager
def large_memory(cluster):
    """The database has room for all indices while the rows come in, which is four times as fast; then what it had."""
    [before] = cluster.sql("SELECT " + ", ".join(f"@@GLOBAL.{name} AS {name}" for name in FILLING))
    set_globals(cluster, FILLING)
    try:
        yield
    finally:
        set_globals(cluster, before)


def set_globals(cluster, values):
    statement = "; ".join(f"SET GLOBAL {name} = {value}" for name, value in values.items())
    # The user of the tables may not.
    subprocess.run(["mariadb", "--no-defaults", f"--socket={cluster.folder}/mariadb/mariadb.sock", "--user=root",
                    "--execute", statement], stdin=subprocess.DEVNULL, check=True, timeout=load.SQL_SECONDS)


def insert_rows(jobs, first_job, rows, begin, count):
    """Statement for the rows number begin + 1 to begin + count of all."""
    number = f"({begin} + seq)"
    second = f"({int(time.time()) - DAYS * 86400 - 60} + {number} * {DAYS * 86400} DIV {rows})"
    text = f"CONCAT('line ', {number}, IF({number} % {NEEDLE_EACH} = 0, ' needle', ''), ' of what the command said\n')"
    failed = f"{number} % {FAILED_EACH} = 0"
    values = [f"{first_job} + {number} % {jobs}", second, text, "12", f"{second} - 2", "'127.0.0.1:9991'",
              f"CONCAT('127.0.0.1:', 9991 + 2 * ({number} % 3))", f"{second} * 1000", "1",
              f"IF({failed}, 'failed', 'success')", "''", f"IF({failed}, 1, 0)", f"{second} * 1000 + 3",
              f"{second} * 1000 + 15", "1", "2", "0", "40"]
    return f"INSERT INTO log ({COLUMNS}) SELECT {', '.join(values)} FROM seq_1_to_{count}"
