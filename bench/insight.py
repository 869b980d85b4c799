"""Statistics, states, notices that are not delivered, and looks back and ahead, on a large ledger."""
import contextlib
import json
import socket
import time

import api
import history
import load
import native
from figures import Part, quantile
from harness import request, wait_until

FIRE_US = 5
WHY_MS = 20
FORECAST_MS = 200
FORECAST_JOBS = 10_000
OUTBOX = 100_000
DAY = 86400


def measure(bench):
    cluster, (first_job, jobs, rows) = api.filled(bench)
    part = Part("insight")
    part.details["size"] = {"jobs": jobs, "rows": rows}
    fires(bench, part)
    port = cluster.http_port(cluster.number(cluster.dispatcher()) % len(cluster.nodes) + 1)  # one that only answers
    whys(bench, part, port, first_job, jobs)
    outbox(bench, part, cluster)
    forecast(bench, part, cluster, port)  # last: for minutes, the dispatcher notes jobs that come and go
    return part


def fires(bench, part):
    """The work of a node for each fire."""
    tables = native.measure(bench, "insight").details["tables"]
    part.details["tables"] = tables
    for row in tables["a fire"]:
        part.add(f"{row['what']}: CPU per fire", row["cpu_us_per_fire"], "µs", FIRE_US, "the target", "≤ 1.00")


def timed(port, targets):
    """Milliseconds of each request, in order of size; one at a time."""
    taken = []
    for target in targets:
        began = time.monotonic()
        answer = request(port, "GET", target, seconds=60)
        taken.append(1000 * (time.monotonic() - began))
        assert answer.status == 200, f"{target}: {answer.status} {answer.body[:200]}"
    return sorted(taken)


def whys(bench, part, port, first_job, jobs):
    rounds = 20 if bench.quick else 200
    some = [first_job + 1 + (7919 * k) % (jobs - 1) for k in range(rounds)]
    long_ago = int(time.time()) - 20 * DAY
    for name, targets in (("why, about what was due last", [f"/cron/{job}/why" for job in some]),
                          ("why, about a moment 20 days ago", [f"/cron/{job}/why?at={long_ago}" for job in some]),
                          ("the runs that were unusual", ["/log/list?unusual=any&limit=50"] * rounds),
                          ("the overview", ["/overview"] * rounds)):
        taken = timed(port, targets)
        part.add(f"{name}: p99", quantile(taken, 0.99), "ms", WHY_MS, "the target", "≤ 1.00",
                 more=f"p50 {quantile(taken, 0.5):.1f} ms")


def outbox(bench, part, cluster):
    """Fires beside a channel that takes connections and never answers, and many messages for it."""
    seconds = 3 if bench.quick else 10
    alone = history.recording(part, cluster, seconds, "without a channel")
    with contextlib.ExitStack() as after:
        hanging = after.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        channel = cluster.api("/channel/add", name="hangs", kind="webhook", every_job=1,
                              url=f"http://127.0.0.1:{hanging.getsockname()[1]}/hook")["id"]
        after.callback(cluster.call, "POST", f"/channel/delete/{channel}")
        after.callback(cluster.sql, f"DELETE FROM notice_delivery WHERE channel_id = {channel}", seconds=load.SQL_SECONDS)
        now = int(time.time()) * 1000
        body = json.dumps({"id": "failing-1-1", "kind": "failing", "at": now, "cron_id": 1, "name": "a job", "tags": [],
                           "count": 1, "since": now, "over": [], "is_reminder": False, "run": None, "notices": []})
        cluster.sql(f"INSERT INTO notice_delivery (channel_id, notice, cron_id, body, created_at, due_at, answer)"
                    f" SELECT {channel}, CONCAT('failing-1-', seq), 1, '{body}', {now}, {now}, ''"
                    f" FROM seq_1_to_{OUTBOX}", seconds=load.SQL_SECONDS)
        beside = history.recording(part, cluster, seconds, f"beside an outbox of {OUTBOX:,} messages")
    part.add(f"{history.RATE} fires/s beside an outbox of {OUTBOX:,} messages: p99 of lateness", beside["p99"], "ms",
             alone["p99"] or 1, "without", "≤ 1.30")


def forecast(bench, part, cluster, port):
    """Looking ahead over jobs that are due later."""
    with forecast_jobs(cluster):
        first = timed(port, ["/forecast?hours=24&tag=forecast"])[0]
        answer = request(port, "GET", "/forecast?hours=24&tag=forecast", seconds=60).json["data"]
        planned = sum(cell["fires"] for cell in answer["cells"])
        rounds = 5 if bench.quick else 30
        for name, target in ((f"forecast of 24 h over {answer['jobs']:,} jobs", "/forecast?hours=24&tag=forecast"),
                             ("the best free slot of all jobs", "/forecast/free?duration=15m"),
                             ("agenda of all jobs", "/forecast/fires?limit=50")):
            taken = timed(port, [target] * rounds)
            part.add(f"{name}: p99", quantile(taken, 0.99), "ms", FORECAST_MS, "the target", "≤ 1.00",
                     more=f"p50 {quantile(taken, 0.5):.0f} ms")
        part.add("the first forecast, which reads all jobs", first, "ms", more=f"{planned:,} fires")


@contextlib.contextmanager
def forecast_jobs(cluster):
    """Jobs that fire each minute, each quarter of an hour, each hour and each day, and none of them soon. The dispatcher
    has noted their coming before the block, and has noted their going when it ends well."""
    begin = int(time.time()) + 7200
    schedules = ("CONCAT(seq % 60, ' * * * * *')", "CONCAT(seq % 60, ' ', seq % 15, '-59/15 * * * *')",
                 "CONCAT(seq % 60, ' ', seq % 60, ' * * * *')", "CONCAT('0 ', seq % 60, ' ', seq % 24, ' * * *')")
    cases = " ".join(f"WHEN {k} THEN {text}" for k, text in enumerate(schedules))
    newest = cluster.sql("SELECT COALESCE(MAX(id), 0) AS id FROM cron_revision")[0]["id"]

    def wait_noted(column):
        noted = f"SELECT COUNT(*) AS n FROM cron_revision WHERE id > {newest} AND {column} LIKE '%\"forecast\"%'"
        wait_until(lambda: int(cluster.sql(noted)[0]["n"]) >= FORECAST_JOBS, 900, f"the dispatcher has noted {column}")

    try:
        cluster.sql(f"INSERT INTO cron (cron_set, command, start_time, tags)"
                    f" SELECT CASE seq % {len(schedules)} {cases} END, 'true', {begin}, 'forecast'"
                    f" FROM seq_1_to_{FORECAST_JOBS}", seconds=load.SQL_SECONDS)
        cluster.sql("INSERT INTO cron_counter (cron_id, usual_time) SELECT id, 1000 + 977 * id % 60000 FROM cron"
                    " WHERE tags = 'forecast' ON DUPLICATE KEY UPDATE usual_time = VALUES(usual_time)",
                    seconds=load.SQL_SECONDS)
        wait_noted("definition_after")
        yield
    finally:
        cluster.sql("DELETE FROM cron WHERE tags = 'forecast'", seconds=load.SQL_SECONDS)
    wait_noted("definition_before")
