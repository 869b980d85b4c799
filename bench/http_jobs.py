"""Jobs of kind http against an nginx of this machine: beside a bare loop of libcurl, and beside commands."""
import json
import pathlib
import subprocess
import time

import load
from figures import Part, spread
from web_servers import running_nginx

AT_ONCE = (50, 1000)
RATE = 100
BURST = 1000


def measure(bench):
    part = Part("http")
    with running_nginx(made(bench.data / "nginx")) as nginx:
        url = nginx.url("/quiet")
        for at_once in AT_ONCE[:1] if bench.quick else AT_ONCE:
            requests(bench, part, url, at_once)
        fires(bench, part, url)
    return part


def made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def once(bench, kind, url, count, at_once):
    done = subprocess.run([bench.programs / "http_limit", kind, url, str(count), str(at_once)], capture_output=True,
                          text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def requests(bench, part, url, at_once):
    """In turn, because the machine is not the same from one moment to the next; the medians count."""
    count = 5_000 if bench.quick else 30_000
    found = {"bare": [], "executor": []}
    for _ in range(3 if bench.quick else 7):
        for kind, runs in found.items():
            runs.append(once(bench, kind, url, count, at_once))
    bare, ours = ({name: sorted(run[name] for run in runs)[len(runs) // 2] for name in runs[0]}
                  for runs in found.values())
    part.details.setdefault("requests", []).append({"at_once": at_once, **found})
    part.add(f"requests/s of runs, {at_once:,} at once", ours["per_s"], "/s", bare["per_s"], "a bare multi loop",
             "≥ 0.80")
    part.add(f"CPU per run, {at_once:,} at once", ours["cpu_us_each"], "µs", bare["cpu_us_each"], "a bare multi loop")


def fires(bench, part, url):
    """The lateness of 100 at each second, as commands and as requests, and 1,000 at one second, by the ledger."""
    solo = bench.solo()
    seconds = 4 if bench.quick else 12
    late = {}
    for name, kind, command in (("commands", "command", "/bin/true"), ("requests", "http", "")):
        [level] = plan(solo, RATE, seconds, kind, command, url)
        load.sleep_until(level.end)
        load.require_recorded(solo, level, 30)
        late[name] = spread(load.lateness_ms(solo, level))
        states = load.outcomes(solo, level)
        if set(states) != {("success", "")}:
            raise RuntimeError(f"not all {name} succeeded: {states}")
        load.drop_jobs(solo)
    part.details["lateness_ms"] = late
    part.add(f"{RATE} at each second: p99 lateness", max(late["requests"]["p99"], 1), "ms",
             max(late["commands"]["p99"], 1), "commands, by the ledger", "≤ 1.00",
             f"p50 {late['requests']['p50']} ms, commands {late['commands']['p50']} ms; whole milliseconds, 1 at least")
    [level] = plan(solo, BURST, 1, "http", "", url)
    most = threads_until(solo, level.end)
    load.wait_recorded(solo, level, 30)
    states = load.outcomes(solo, level)
    begun = spread(load.lateness_ms(solo, level))
    load.drop_jobs(solo)
    part.add(f"{BURST:,} requests at one second: the node's threads", most["during"], "", most["before"],
             "before them", "", f"{states.get(('success', ''), 0):,} of {level.fires:,} succeeded,"
             f" the last began after {begun['max']} ms")


def plan(solo, count, seconds, kind, command, url):
    begin = int(time.time()) + load.LEAD + 1
    level = load.Level(count, begin, seconds)
    solo.sql("INSERT INTO cron (cron_set, command, kind, http_url, start_time, end_time)"
             f" SELECT '* * * * * *', '{command}', '{kind}', '{url if kind == 'http' else ''}', {level.begin},"
             f" {level.end} FROM {load.sequence(solo, count)}", seconds=load.SQL_SECONDS)
    return [level]


def threads_until(solo, end):
    """The most threads that the node had, before the fires and during them."""
    tasks = pathlib.Path(f"/proc/{solo.pids()[1]}/task")
    found = {"before": len(list(tasks.iterdir())), "during": 0}
    while time.time() < end + 1:
        found["during"] = max(found["during"], len(list(tasks.iterdir())))
        time.sleep(0.01)
    return found
