"""One call that stops many jobs, beside a job that fires each second."""
import time
import urllib.parse

import load
from figures import Part, spread, spread_text
from harness import let_pass, request
from lateness import read_witness, witness

JOBS = 10_000
QUICK_JOBS = 1_000
TAG = "bulk"
STOP_MS = 2000


def measure(bench):
    part = Part("bulk")
    cluster = bench.cluster()
    jobs = QUICK_JOBS if bench.quick else JOBS
    file, command = witness(bench, cluster)
    each_second = cluster.add(command)
    add_jobs(cluster, jobs)
    port = cluster.http_port(cluster.number(cluster.dispatcher()) % len(cluster.nodes) + 1)  # one that only answers
    let_pass(load.LEAD)
    begin = time.time()
    let_pass(3 if bench.quick else 15)
    calls = {"stop": [], "start": []}
    changing = time.time()
    for _ in range(1 if bench.quick else 3):
        for action, taken in calls.items():
            taken.append(call(port, "/cron/bulk", jobs, action=action))
    end = time.time()
    let_pass(2)  # the job's last fire is over
    calls["delete"] = [call(port, "/cron/bulk/delete", jobs)]
    cluster.api(f"/cron/delete/{each_second}")
    part.details["calls_ms"] = calls
    typical = {action: sorted(taken)[len(taken) // 2] for action, taken in calls.items()}
    part.add(f"{jobs:,} jobs stopped by one call", typical["stop"], "ms", STOP_MS, "the target", "≤ 1.00",
             note=f"median of {len(calls['stop'])}, worst {max(calls['stop']):,.0f} ms;"
             f" started again {typical['start']:,.0f} ms, deleted {typical['delete']:,.0f} ms")
    report_fires(part, file, begin, changing, end)
    return part


def add_jobs(cluster, jobs):
    """That fire once an hour each, at any second; with their histories, which the dispatcher need not write then."""
    template = cluster.add("/bin/true", "H H * * * *", tags=TAG)
    cluster.sql(f"""
        START TRANSACTION;
        INSERT INTO cron (cron_set, command, tags)
            SELECT cron_set, command, tags FROM cron JOIN seq_1_to_{jobs - 1} WHERE id = {template};
        INSERT INTO cron_revision (cron_id, effective_from, definition_after)
            SELECT cron.id, UNIX_TIMESTAMP() * 1000, definition_after
            FROM cron JOIN cron_revision AS model ON model.cron_id = {template} WHERE cron.id > {template};
        COMMIT""", seconds=load.SQL_SECONDS)


def call(port, target, jobs, **more):
    """Milliseconds until it is answered: then each of the jobs is changed, and the dispatcher knows it."""
    began = time.monotonic()
    answer = request(port, "POST", target, urllib.parse.urlencode({"tag": TAG, **more}),
                     {"Content-Type": "application/x-www-form-urlencoded"}, seconds=300)
    taken = 1000 * (time.monotonic() - began)
    if answer.status != 200 or answer.json["data"]["done"] != jobs:
        raise RuntimeError(f"{target}: {answer.status} {answer.body[:200]}")
    return taken


def report_fires(part, file, begin, changing, end):
    """Of the job that fires each second, before the calls and during them."""
    quiet, _ = read_witness(file, begin, changing)
    late, _ = read_witness(file, changing, end)
    due = len(range(int(changing) + 1, int(end) + 1))
    if not quiet or not late:
        raise RuntimeError("the job that fires each second did not run")
    part.details["fires_ms"] = {"before": sorted(quiet), "meanwhile": sorted(late)}
    before, meanwhile = spread(quiet), spread(late)
    part.add("a fire each second meanwhile: max", meanwhile["max"], "ms", load.LATE_MS, "what counts as late", "≤ 1.00",
             note=f"{len(late)} of {due} ran; before: p50 {before['p50']:.1f}, max {before['max']:.1f} ms",
             more=spread_text(meanwhile))
