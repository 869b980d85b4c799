"""The console in a real Chromium, on large tables: first paint, its calls, a tab that stays open, a long output."""
import json
import pathlib
import subprocess
import time

import api
import load
import memory
from figures import Part, quantile
from harness import FINAL, request, wait_until

PAINT_MS = 1000
CALL_MS = 50
BUSY = 0.05  # the share of the main thread
JOBS_A_SECOND = 25  # each run is told when it begins and when it ends
OUTPUT_BYTES = 1 << 30
PROGRAM = pathlib.Path(__file__).parent / "console.mjs"


def measure(bench):
    cluster, (first_job, jobs, rows) = api.filled(bench)
    part = Part("console")
    part.details["size"] = {"jobs": jobs, "rows": rows}
    port = cluster.http_port(1)
    screens(bench, part, port, first_job)
    tab(bench, part, cluster, port)
    output(bench, part, cluster, port)
    return part


def browse(port, what, patience, **options):
    asked = {"what": what, "address": f"http://127.0.0.1:{port}/", **options}
    done = subprocess.run(["node", str(PROGRAM), json.dumps(asked)], capture_output=True, text=True, timeout=patience)
    if done.returncode != 0:
        raise RuntimeError(f"{PROGRAM.name}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)


def screens(bench, part, port, first_job):
    """First paint and all calls, of visitors with empty caches."""
    asked = [
        {"name": "Now", "path": "", "whole": ".answer"},
        {"name": "Jobs", "path": "jobs", "whole": "table.jobs tbody tr"},
        {"name": "a job", "path": f"job/{first_job}", "whole": ".tabs"},
        {"name": "Runs", "path": "runs", "whole": "tbody tr"},
        {"name": "Runs of a state", "path": "runs?state=failed", "whole": "tbody tr"},
        {"name": "Timeline", "path": "timeline", "whole": ".heat svg"},
        {"name": "Nodes", "path": "nodes", "whole": "tbody tr"},
    ]
    found = browse(port, "screens", 900, rounds=3 if bench.quick else 20, screens=asked)
    part.details["screens"] = found
    for name in [screen["name"] for screen in asked]:
        of = [one for one in found if one["name"] == name]
        paints = sorted(one["paint"] for one in of if one["paint"] is not None)
        part.add(f"{name}: first paint", quantile(paints, 0.5), "ms", PAINT_MS, "the target", "≤ 1.00",
                 more=f"p99 {quantile(paints, 0.99):.0f} ms; whole after"
                      f" {quantile(sorted(one['whole'] for one in of), 0.5):.0f} ms")
        calls = sorted(call["took"] for one in of for call in one["calls"])
        slowest = max((call for one in of for call in one["calls"]), key=lambda call: call["took"])
        part.add(f"{name}: its calls, p99", quantile(calls, 0.99), "ms",
                 more=f"p50 {quantile(calls, 0.5):.1f} ms of {len(calls)}; the slowest {slowest['path']}")
        answers = sorted(answer_times(bench, port, {call["url"] for one in of[-2:] for call in one["calls"]}))
        part.add(f"{name}: the same calls by a program, p99", quantile(answers, 0.99), "ms", CALL_MS, "the target", "≤ 1.00",
                 more=f"p50 {quantile(answers, 0.5):.1f} ms of {len(answers)}")


def answer_times(bench, port, urls):
    """Milliseconds of each answer: beside a browser that draws, they have a core of two, or less."""
    took = []
    for _ in range(3 if bench.quick else 100):
        for url in sorted(urls):
            began = time.perf_counter()
            answer = request(port, "GET", url)
            took.append(1000 * (time.perf_counter() - began))
            assert answer.status == 200, (url, answer.status)
    return took


def tab(bench, part, cluster, port):
    """Some fifty events a second."""
    seconds = 10 if bench.quick else round(60 * bench.memory_minutes)
    begin = int(time.time()) + load.LEAD + 1
    load.add_jobs(cluster, JOBS_A_SECOND, "true", begin, begin + 2 * seconds + 600)
    load.sleep_until(begin + 2)
    for name, path, whole in (("Now", "", ".answer"), ("Jobs", "jobs", "table.jobs tbody tr")):
        found = browse(port, "tab", seconds + 300, path=path, whole=whole, seconds=seconds // 2)
        samples = found["samples"]
        first, last = samples[0], samples[-1]
        took = (last["at"] - first["at"]) / 1000
        part.details[f"tab {name}"] = samples
        busy = sum(now["before"] - then["after"] for then, now in zip(samples, samples[1:])) / took
        part.add(f"{name} open for {took:.0f} s: main thread", busy, "of a core", BUSY, "the target", "≤ 1.00",
                 more=f"{found['events'] / took:.0f} events/s")
        settled = samples[len(samples) // 4:]
        mib = [((one["at"] - first["at"]) / 1000, one["heap"] / 2**20) for one in settled]
        part.add(f"{name} open for {took:.0f} s: memory of its script", mib[-1][1], "MiB", mib[0][1], "after a quarter",
                 "1", more=f"{memory.slope(mib) * 3600:+.2f} MiB/h by least squares; {last['nodes']:.0f} nodes,"
                      f" {first['nodes']:.0f} at first")
    cluster.sql(f"DELETE FROM cron WHERE start_time = {begin}")


def output(bench, part, cluster, port):
    """A run that writes a gigabyte, looked at while it runs and afterwards."""
    size = OUTPUT_BYTES // 64 if bench.quick else OUTPUT_BYTES
    job = cluster.add(f"yes 'a line of what the command said' | head -c {size}; sleep 5", "0 0 0 1 1 *")
    run = request(port, "POST", f"/cron/run/{job}").json["data"]["id"]
    wait_until(lambda: request(port, "GET", f"/log/{run}").json["data"]["state"] != "planned", 60, "the run has begun")
    found = browse(port, "output", 900, run=run)
    row = request(port, "GET", f"/log/{run}").json["data"]
    assert row["state"] in FINAL, row
    part.details["output"] = {**found, "bytes": row["output_bytes"]}
    gib = row["output_bytes"] / 2**30
    part.add(f"a run that writes {gib:.2f} GiB: shown live after", found["live"], "ms")
    part.add(f"a run that wrote {gib:.2f} GiB: shown after", found["opened"], "ms",
             more=f"memory of its script {found['heap'] / 2**20:.1f} MiB, {found['nodes']:.0f} nodes")
