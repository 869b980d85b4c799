#!/usr/bin/env python3
"""What a node that is alone costs: memory when idle, and the time from its start to its first answer and to the
first moment at which it dispatches, with none and with 10,000 jobs. Each figure is the median of --rounds starts.

    bench/solo.py [--rounds 5] [--jobs 10000] [--binary build/release/peercron] [--json]
"""
import argparse
import contextlib
import http.client
import json
import pathlib
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SETTLE = 2.0  # seconds after which a node is idle


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no VmRSS of process {pid}")


def answer(port, target):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", target)
        return json.loads(connection.getresponse().read())["data"]


def wait_for(predicate, begun, limit=30):
    """Seconds from `begun` until it is true."""
    while True:
        with contextlib.suppress(OSError):
            if predicate():
                return time.monotonic() - begun
        if time.monotonic() - begun > limit:
            raise RuntimeError(f"the node is not there within {limit} s")
        time.sleep(0.001)


def one_start(binary, folder):
    port = free_port()
    begun = time.monotonic()
    node = subprocess.Popen([binary, "serve", "--data", folder, "--set", f"http_bind_address=127.0.0.1:{port}"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        figures = {"first_answer_ms": 1000 * wait_for(lambda: answer(port, "/health") is not None, begun),
                   "dispatches_ms": 1000 * wait_for(lambda: answer(port, "/health")["is_dispatcher"], begun)}
        time.sleep(SETTLE)
        child = int(pathlib.Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()[0])
        figures["node_rss_mib"] = resident_mib(child)
        figures["warden_rss_mib"] = resident_mib(node.pid)
        return figures
    finally:
        node.terminate()
        node.wait(timeout=60)


def fill(folder, jobs):
    """Jobs that are due each minute of one hour in the night."""
    with contextlib.closing(sqlite3.connect(pathlib.Path(folder) / "peercron.db")) as database:
        database.executemany("INSERT INTO cron (cron_set, command) VALUES (?, ?)",
                             [(f"{i % 60} {i // 60 % 60} 3 * * *", f"echo {i}") for i in range(jobs)])
        database.commit()


def measure(binary, jobs, rounds):
    with tempfile.TemporaryDirectory() as folder:
        one_start(binary, folder)  # makes the database
        if jobs:
            fill(folder, jobs)
        starts = [one_start(binary, folder) for _ in range(rounds)]
    return {name: statistics.median(start[name] for start in starts) for name in starts[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--binary", default=str(ROOT / "build/release/peercron"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not pathlib.Path(arguments.binary).exists():
        sys.exit(f"there is no {arguments.binary}; bin/build makes it")
    found = {jobs: measure(arguments.binary, jobs, arguments.rounds) for jobs in (0, arguments.jobs)}
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{'jobs':>8} {'first answer':>14} {'dispatches':>12} {'node RSS':>10} {'warden RSS':>12}")
    for jobs, figures in found.items():
        print(f"{jobs:>8} {figures['first_answer_ms']:>11.0f} ms {figures['dispatches_ms']:>9.0f} ms"
              f" {figures['node_rss_mib']:>6.1f} MiB {figures['warden_rss_mib']:>8.1f} MiB")


if __name__ == "__main__":
    main()
