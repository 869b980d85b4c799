"""The API's lists on a large ledger: requests per second and latency under 32 connections."""
import pathlib
import re
import subprocess
import time
import urllib.parse

import ledger
import load
from figures import Part
from harness import request, wait_until

CONNECTIONS = 32
PAGE = 50
ANY = " any page of "  # behind a target, before a number: each request is for another page
TARGET_MS = 10
RANDOM_PAGES = pathlib.Path(__file__).parent / "pages.lua"
SLOW = 5.0  # seconds: a request that takes longer alone is not asked for 32 times at once


def filled(bench):
    """The cluster with its large ledger; and (the first job, how many jobs, how many rows)."""
    cluster = bench.cluster()
    if not hasattr(cluster, "filled"):
        load.drop_jobs(cluster)
        cluster.filled = (ledger.fill(cluster, bench.jobs, bench.rows), bench.jobs, bench.rows)
    return cluster, cluster.filled


def measure(bench):
    cluster, (first_job, jobs, rows) = filled(bench)
    part = Part("api")
    seconds = 1 if bench.quick else 4
    node = cluster.http_port(cluster.number(cluster.dispatcher()) % len(cluster.nodes) + 1)  # one that only answers
    limits = {port: wrk(port, "/health", seconds) for port in (node, cluster.nginx_port)}
    part.details["requests"] = []
    part.details["size"] = {"jobs": jobs, "rows": rows}
    for port, way in ((node, "direct"), (cluster.nginx_port, "nginx")):
        part.add(f"/health, {way}", limits[port]["per_s"], "requests/s")
    for name, target in targets(first_job, jobs, rows):
        ways = [(node, "direct")]
        if not bench.quick or "first page" in name:
            ways.append((cluster.nginx_port, "nginx"))
        for port, way in ways:
            wait_idle(cluster)
            one(part, f"{name}, {way}", port, target, seconds, limits[port])
    return part


def wait_idle(cluster):
    """Until the database has done what was asked for last: wrk does not wait for its answers."""
    busy = ("SELECT COUNT(*) AS n FROM information_schema.processlist"
            " WHERE command <> 'Sleep' AND id <> CONNECTION_ID()")
    wait_until(lambda: cluster.sql(busy)[0]["n"] == "0", 300, "the database is idle")


def targets(first_job, jobs, rows):
    """(what is asked for, the request)."""
    def url(path, **query):
        return path + "?" + urllib.parse.urlencode({**query, "limit": PAGE})

    now = int(time.time())
    middle = now - ledger.DAYS * 86400 // 2
    return [
        ("/cron/list, first page", url("/cron/list", page=1)),
        ("/cron/list, last page", url("/cron/list", page=max(1, jobs // PAGE))),
        ("/cron/list, name", url("/cron/list", name="job-777")),
        ("/cron/list, search", url("/cron/list", search="needle")),
        ("/log/list, first page", url("/log/list", page=1)),
        ("/log/list, page 1,000", url("/log/list", page=1000)),
        ("/log/list, last page", url("/log/list", page=max(1, rows // PAGE))),
        ("/log/list, cron_id", url("/log/list", cron_id=first_job + 7)),
        ("/log/list, state=failed", url("/log/list", state="failed")),
        ("/log/list, run_server", url("/log/list", run_server="127.0.0.1:9993")),
        ("/log/list, dispatch_server", url("/log/list", dispatch_server="127.0.0.1:9991")),
        ("/log/list, state=failed within half of the time", url("/log/list", **{"state": "failed", "from": middle})),
        ("/log/list, an hour long ago", url("/log/list", **{"from": middle, "to": middle + 3600})),
        ("/log/list, search", url("/log/list", search="needle")),
        ("/cron/list, any page", url("/cron/list") + ANY + str(max(1, jobs // PAGE))),
        ("/log/list, any of the newest 20 pages", url("/log/list") + ANY + "20"),
        ("/log/list, any page", url("/log/list") + ANY + str(max(1, rows // PAGE))),
        ("/log/list, search within an hour",
         url("/log/list", search="needle", **{"from": middle, "to": middle + 3600})),
    ]


def one(part, name, port, target, seconds, limit):
    began = time.monotonic()
    answer = request(port, "GET", target.partition(ANY)[0], seconds=60)
    alone = time.monotonic() - began
    if answer.status != 200:
        part.add(f"{name}: p99", 1000 * alone, "ms", TARGET_MS, "the target", "≤ 1.00",
                 f"ANSWERED {answer.status}, alone: {answer.json['message'][:60]}")
        return
    found = {"alone_ms": 1000 * alone}
    if alone <= SLOW:
        found |= wrk(port, target, max(seconds, 3 * alone))
    if not found.get("per_s"):
        part.add(f"{name}: p99", 1000 * alone, "ms", TARGET_MS, "the target", "≤ 1.00", "one request alone")
    else:
        note = f"FAILED {found['failed']}" if found["failed"] else ""
        part.add(f"{name}: p99", found["p99_ms"], "ms", TARGET_MS, "the target", "≤ 1.00", note,
                 f"{found['per_s']:,.0f} requests/s, {found['per_s'] / limit['per_s']:.2f} of /health;"
                 f" p50 {found['p50_ms']:.2f} ms; alone {found['alone_ms']:.1f} ms")
    part.details["requests"].append({"request": name, "target": target, **found})


def wrk(port, target, seconds):
    """Requests per second and latency in ms of as many connections at once, each asking again when it is answered."""
    target, any_page, pages = target.partition(ANY)
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{round(max(1, seconds))}s", "--timeout", "60s", "--latency",
               *(["-s", str(RANDOM_PAGES)] if any_page else []), f"http://127.0.0.1:{port}{target}",
               *(["--", target, pages] if any_page else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if done.returncode != 0 or not rate:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done.stdout)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    return {"per_s": float(rate.group(1)), "p50_ms": latency(done.stdout, 50), "p99_ms": latency(done.stdout, 99),
            "failed": sum(map(int, errors.groups() if errors else ())) + int(refused.group(1) if refused else 0)}


def latency(text, share):
    value, unit = re.search(rf"^\s*{share}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.M).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]
