"""What 50 readers of the output cost a command that writes as fast as it can: its speed, the node's memory,
and the punctuality of other fires."""
import contextlib
import subprocess
import time

import load
import machine
from figures import Part, spread
from harness import FINAL, HOST

READERS = 50
OTHERS = 20  # fires a second
NEVER = "0 0 0 1 1 * 2199"
LIMIT = 300  # seconds; of one run


def measure(bench):
    part = Part("watched")
    solo = bench.solo()
    size, turns = (256 << 20, 1) if bench.quick else (2 << 30, 5)
    job = solo.add(f"yes | head -c {size}", NEVER)
    found = {"unwatched": [], "watched": []}
    # In turns, because the speed of a machine changes over time; the medians are compared.
    for _ in range(turns):
        for kind, runs in found.items():
            runs.append(one_run(solo, job, READERS if kind == "watched" else 0))
    load.drop_jobs(solo)
    part.details["runs"] = found
    alone, watched = ({name: sorted(run[name] for run in runs)[len(runs) // 2] for name in runs[0]}
                      for runs in found.values())
    part.add(f"MB/s of `yes`, watched by {READERS}", size / 1e3 / watched["ms"], "MB/s", size / 1e3 / alone["ms"],
             "unwatched", "≥ 0.95")
    part.add("the node's memory at most", watched["most_mib"], "MiB", alone["most_mib"], "unwatched",
             note=f"{watched['most_mib'] - alone['most_mib']:.1f} MiB more; target ≤ 64")
    part.add(f"{OTHERS} fires a second beside it: p99 lateness", max(watched["p99_ms"], 1), "ms",
             max(alone["p99_ms"], 1), "unwatched", "≤ 1.00", "whole milliseconds, 1 at least")
    return part


def one_run(solo, job, readers):
    """How long it took (ms), the most memory that the node had meanwhile, and how late others were."""
    others = load.plan_levels(solo, [OTHERS], LIMIT, 0, "/bin/true")[0]
    load.sleep_until(others.begin)
    pid = solo.pids()[1]
    run = solo.api(f"/cron/run/{job}", inputs="")["id"]
    memory = []
    with watchers(solo, run, readers):
        while (row := solo.api(f"/log/{run}"))["state"] not in FINAL:
            if time.time() > others.end:
                raise RuntimeError("the command takes too long")
            memory.append(machine.resident_mib(pid))
            time.sleep(0.2)
    if row["state"] != "success":
        raise RuntimeError(f"the command: {row['state']}, {row['reason']}")
    others = load.Level(OTHERS, others.begin, int(time.time()) - others.begin)
    solo.sql(f"DELETE FROM cron WHERE id <> {job}")
    load.require_recorded(solo, others, 30)
    [times] = solo.sql(f"SELECT ended_at - started_at AS ms FROM log WHERE id = {run}")
    return {"ms": int(times["ms"]), "most_mib": max(memory), "p99_ms": spread(load.lateness_ms(solo, others))["p99"]}


@contextlib.contextmanager
def watchers(solo, run, count):
    """So many programs that read the run's output until it ends."""
    address = f"http://{HOST}:{solo.base}/run/{run}/output?follow=1"
    programs = [subprocess.Popen(["curl", "--silent", "--no-buffer", "--output", "/dev/null", address],
                                 stdin=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
        failed = [program.returncode for program in programs if program.wait(30) != 0]
        if failed:
            raise RuntimeError(f"readers ended with {failed}")
    finally:
        for program in programs:
            program.kill()
            program.wait()
