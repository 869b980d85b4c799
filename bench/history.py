"""The history at scale: disk per row, counting, searching, recording beside millions of rows, expiry of old ones."""
import os
import subprocess
import time
import unittest.mock

import api
import ledger
import load
import machine
from figures import Part, spread, spread_text
from harness import BINARY, request

RATE = 100  # fires/s beside which the ledger is large, or rows expire


def measure(bench):
    cluster, (first_job, jobs, rows) = api.filled(bench)
    part = Part("history")
    part.details["size"] = {"jobs": jobs, "rows": rows}
    disk(part, cluster, first_job)
    questions(part, cluster, rows)
    seconds = 3 if bench.quick else 8
    alone = recording(part, cluster, seconds, f"beside {rows:,} rows")
    expiry(bench, part, cluster, rows, seconds, alone)
    return part


def disk(part, cluster, first_job):
    cluster.sql("ANALYZE TABLE log")
    size = cluster.sql("SELECT data_length AS data, index_length AS indices, table_rows AS n FROM"
                       " information_schema.tables WHERE table_schema = 'cron' AND table_name = 'log'")[0]
    count = int(size["n"])
    content = cluster.sql("SELECT AVG(LENGTH(output)) AS n FROM"
                          f" (SELECT output FROM log WHERE cron_id >= {first_job} LIMIT 1000) AS some")
    total = int(size["data"]) + int(size["indices"])
    part.add("disk per row, indices included", total / count, "bytes", int(size["data"]) / count, "without indices",
             note=f"outputs have {float(content[0]['n']):.0f} bytes")


def questions(part, cluster, rows):
    """Requests that count or search all rows, one at a time."""
    port = cluster.http_port(1)
    for name, target in (("total of all rows", "/log/list?limit=1"),
                         ("total of one state", "/log/list?limit=1&state=failed"),
                         ("search of all outputs", "/log/list?limit=50&search=needle"),
                         ("search of all outputs for what none has", "/log/list?limit=50&search=no-such-text")):
        began = time.monotonic()
        answer = request(port, "GET", target, seconds=60)
        took = time.monotonic() - began
        more = f"total {answer.json['data']['total']}" if answer.status == 200 else f"ANSWERED {answer.status}"
        part.add(f"{name}: one request", 1000 * took, "ms", note="" if answer.status == 200 else more,
                 more=f"{more}; {rows / took / 1e6:.1f} million rows/s")


def recording(part, cluster, seconds, beside):
    """The database's work for each fire."""
    [level] = load.plan_levels(cluster, [RATE], seconds, 0, "true")
    load.sleep_until(level.begin - 0.2)
    meter = machine.Meter(machine.processes_of(cluster))
    load.sleep_until(level.end + 0.8)
    taken = meter.taken()
    recorded = load.wait_recorded(cluster, level, 30)
    late = spread(load.lateness_ms(cluster, level))
    cost = 1e6 * taken["mariadb"] / level.fires
    part.add(f"{RATE} fires/s {beside}: the database's CPU per fire", cost, "µs", more=spread_text(late),
             note="" if recorded else "NOT ALL RECORDED")
    cluster.sql(f"DELETE FROM cron WHERE start_time = {level.begin}")
    return late


def expiry(bench, part, cluster, rows, seconds, alone):
    """log_keep_day: half of the ledger is too old at once."""
    asked = [str(BINARY), "check-config", "--set", f"log_keep_day={ledger.DAYS // 2}"]
    if subprocess.run(asked, capture_output=True, timeout=30).returncode != 0:
        part.details["expiry"] = "this version has no log_keep_day"
        return
    before = count(cluster)
    with unittest.mock.patch.dict(os.environ, PEERCRON_LOG_KEEP_DAY=str(ledger.DAYS // 2)):
        for k in cluster.nodes:
            cluster.run("stop-node", str(k))
            cluster.run("start-node", str(k))
        cluster.wait_ready()
        began = time.monotonic()
        start = count(cluster)
        late = recording(part, cluster, seconds, "while old rows expire")
        left = count(cluster)
        took = time.monotonic() - began
    part.add("old rows expire at", (start - left + RATE * seconds) / took, "rows/s",
             note=f"{before - left:,} of {rows // 2:,} within {took:.0f} s of the start")
    part.add(f"{RATE} fires/s while old rows expire: p99 of lateness", late["p99"], "ms", alone["p99"] or 1,
             "without", "≤ 1.30")


def count(cluster):
    return int(cluster.sql("SELECT COUNT(*) AS n FROM log")[0]["n"])
