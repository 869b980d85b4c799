"""Statistics, states, notices that nobody takes, and what looks back and ahead, on a large ledger."""
import contextlib
import json
import socket
import time

import api
import load
import native
from figures import Part, quantile, spread, spread_text
from harness import request, wait_until

FIRE_US = 5
WHY_MS = 20
FORECAST_MS = 200
FORECAST_JOBS = 10_000
OUTBOX = 100_000
RATE = 100  # fires/s beside which the outbox is full
DAY = 86400


def measure(bench):
    cluster, (first_job, jobs, rows) = api.filled(bench)
    part = Part("insight")
    part.details["size"] = {"jobs": jobs, "rows": rows}
    fires(bench, part)
    port = cluster.http_port(cluster.number(cluster.dispatcher()) % len(cluster.nodes) + 1)  # one that only answers
    whys(bench, part, port, first_job, jobs)
    forecast(bench, part, cluster, port)
    outbox(bench, part, cluster)
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


def forecast(bench, part, cluster, port):
    """Jobs that fire each minute, each quarter of an hour, each hour and each day, and none of them soon."""
    begin = int(time.time()) + 7200
    schedules = ("CONCAT(seq % 60, ' * * * * *')", "CONCAT(seq % 60, ' ', seq % 15, '-59/15 * * * *')",
                 "CONCAT(seq % 60, ' ', seq % 60, ' * * * *')", "CONCAT('0 ', seq % 60, ' ', seq % 24, ' * * *')")
    cases = " ".join(f"WHEN {k} THEN {text}" for k, text in enumerate(schedules))
    cluster.sql(f"INSERT INTO cron (cron_set, command, start_time, tags)"
                f" SELECT CASE seq % {len(schedules)} {cases} END, 'true', {begin}, 'forecast'"
                f" FROM seq_1_to_{FORECAST_JOBS}", seconds=load.SQL_SECONDS)
    cluster.sql("INSERT INTO cron_counter (cron_id, usual_time) SELECT id, 1000 + 977 * id % 60000 FROM cron"
                " WHERE tags = 'forecast' ON DUPLICATE KEY UPDATE usual_time = VALUES(usual_time)",
                seconds=load.SQL_SECONDS)
    noted = "SELECT COUNT(*) AS n FROM cron_revision JOIN cron ON cron.id = cron_id WHERE tags = 'forecast'"
    wait_until(lambda: int(cluster.sql(noted)[0]["n"]) >= FORECAST_JOBS, 900, "the dispatcher has noted the new jobs")
    try:
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
    finally:
        cluster.sql("DELETE FROM cron WHERE tags = 'forecast'", seconds=load.SQL_SECONDS)


def outbox(bench, part, cluster):
    """A channel that takes connections and never answers, and many messages for it."""
    seconds = 3 if bench.quick else 10
    alone = lateness(part, cluster, seconds, "without a channel")
    with contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=1000)) as hanging:
        channel = cluster.api("/channel/add", name="hangs", kind="webhook", every_job=1,
                              url=f"http://127.0.0.1:{hanging.getsockname()[1]}/hook")["id"]
        now = int(time.time()) * 1000
        body = json.dumps({"id": "failing-1-1", "kind": "failing", "at": now, "cron_id": 1, "name": "a job", "tags": [],
                           "count": 1, "since": now, "over": [], "is_reminder": False, "run": None, "notices": []})
        cluster.sql(f"INSERT INTO notice_delivery (channel_id, notice, cron_id, body, created_at, due_at, answer)"
                    f" SELECT {channel}, CONCAT('failing-1-', seq), 1, '{body}', {now}, {now}, ''"
                    f" FROM seq_1_to_{OUTBOX}", seconds=load.SQL_SECONDS)
        try:
            beside = lateness(part, cluster, seconds, f"beside an outbox of {OUTBOX:,} messages")
        finally:
            cluster.sql(f"DELETE FROM notice_delivery WHERE channel_id = {channel}", seconds=load.SQL_SECONDS)
            cluster.call("POST", f"/channel/delete/{channel}")
    part.add(f"{RATE} fires/s beside an outbox of {OUTBOX:,} messages: p99 of lateness", beside["p99"], "ms",
             alone["p99"] or 1, "without", "≤ 1.30")


def lateness(part, cluster, seconds, beside):
    [level] = load.plan_levels(cluster, [RATE], seconds, 0, "true")
    load.sleep_until(level.end + 0.8)
    recorded = load.wait_recorded(cluster, level, 30)
    late = spread(load.lateness_ms(cluster, level))
    part.add(f"{RATE} fires/s {beside}: recorded", len(load.lateness_ms(cluster, level)) / level.fires, "of them",
             more=spread_text(late), note="" if recorded else "NOT ALL RECORDED")
    cluster.sql(f"DELETE FROM cron WHERE start_time = {level.begin}")
    return late
