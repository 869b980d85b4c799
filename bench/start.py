"""What a node that is alone costs: memory when idle, and the time from its start to its first answer and to the
first moment at which it dispatches, with none and with 10,000 jobs."""
import contextlib
import sqlite3
import statistics
import subprocess
import tempfile
import time

from figures import Part
from harness import BINARY, HOST, free_base_port, request
from machine import resident_mib

SETTLE = 2.0  # seconds after which a node is idle
QUICK_SETTLE = 0.5
JOBS = 10_000


def measure(bench):
    part = Part("start")
    rounds = 1 if bench.quick else 5
    for jobs in (0, JOBS):
        found = median_start(bench.data, jobs, rounds, QUICK_SETTLE if bench.quick else SETTLE)
        part.details[f"jobs_{jobs}"] = found
        names = {"first_answer_ms": ("first answer after", "ms"), "dispatches_ms": ("dispatches after", "ms"),
                 "node_rss_mib": ("node's memory", "MiB"), "warden_rss_mib": ("warden's memory", "MiB")}
        for key, (name, unit) in names.items():
            part.add(f"solo, {jobs:,} jobs: {name}", found[key], unit, note=f"median of {rounds}" if rounds > 1 else "")
    return part


def median_start(folder, jobs, rounds, settle):
    with tempfile.TemporaryDirectory(dir=folder) as data, free_base_port() as port:
        one_start(data, port, 0)  # makes the database
        if jobs:
            fill(data, jobs)
        starts = [one_start(data, port, settle) for _ in range(rounds)]
    return {name: statistics.median(start[name] for start in starts) for name in starts[0]}


def fill(folder, jobs):
    """Jobs that are due each minute of one hour in the night."""
    with contextlib.closing(sqlite3.connect(f"{folder}/peercron.db")) as database:
        database.executemany("INSERT INTO cron (cron_set, command) VALUES (?, ?)",
                             [(f"{i % 60} {i // 60 % 60} 3 * * *", f"echo {i}") for i in range(jobs)])
        database.commit()


def wait_for(predicate, begun, limit=30):
    """Seconds from `begun` until it is true."""
    while True:
        with contextlib.suppress(OSError):
            if predicate():
                return time.monotonic() - begun
        if time.monotonic() - begun > limit:
            raise RuntimeError(f"the node is not there within {limit} s")
        time.sleep(0.001)


def one_start(folder, port, settle):
    begun = time.monotonic()
    node = subprocess.Popen([BINARY, "serve", "--data", folder, "--set", f"http_bind_address={HOST}:{port}",
                             "--set", "http.anonymous=owner", "--set", "http.socket=none"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def health():
        return request(port, "GET", "/health").json["data"]

    try:
        found = {"first_answer_ms": 1000 * wait_for(lambda: health() is not None, begun),
                 "dispatches_ms": 1000 * wait_for(lambda: health()["is_dispatcher"], begun)}
        time.sleep(settle)
        with open(f"/proc/{node.pid}/task/{node.pid}/children") as children:
            child = int(children.read().split()[0])
        found["node_rss_mib"] = resident_mib(child)
        found["warden_rss_mib"] = resident_mib(node.pid)
        return found
    finally:
        node.terminate()
        node.wait(timeout=60)
