"""Memory of the nodes under a steady load: it should be flat."""
import time

import load
import machine
from figures import Part

RATE = 200
QUICK_SECONDS = 5
SETTLE = 0.25  # the share of the time that is not counted: caches and pools fill


def measure(bench):
    part = Part("memory")
    seconds = QUICK_SECONDS if bench.quick else round(60 * bench.memory_minutes)
    cluster = bench.cluster()
    [level] = load.plan_levels(cluster, [RATE], seconds, 0, "true")
    status = cluster.status()
    nodes = {name: process["node_pid"] for name, process in status["processes"].items() if name.startswith("node")}
    dispatcher = f"node{cluster.number(status['dispatcher'])}"
    load.sleep_until(level.begin)
    samples = {name: [] for name in nodes}
    while time.time() < level.end:
        at = time.time() - level.begin
        for name, pid in nodes.items():
            samples[name].append((round(at, 2), machine.resident_mib(pid)))
        time.sleep(max(0.5, seconds / 240))
    load.wait_recorded(cluster, level, 30)
    load.drop_jobs(cluster)
    part.details["rate"] = RATE
    part.details["dispatcher"] = dispatcher
    part.details["resident_mib"] = samples
    for name, found in samples.items():
        role = f"{name}, which dispatches" if name == dispatcher else name
        first, last = found[0][1], found[-1][1]
        part.add(f"{role}: memory after {seconds} s of {RATE} fires/s", last, "MiB", first, "at the beginning",
                 more=f"at most {max(mib for _, mib in found):.1f} MiB")
        part.add(f"{role}: growth", slope(found[int(SETTLE * len(found)):]) * 3600, "MiB/h", target="0",
                 more="least squares, without the first quarter")
    return part


def slope(points):
    """Of the line through the points, by least squares."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
