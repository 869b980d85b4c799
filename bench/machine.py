"""This machine, and the processor time that processes take."""
import contextlib
import os
import pathlib
import platform
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


def describe():
    model = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {"processor": model[0] if model else platform.machine(), "cores": os.cpu_count(), "memory_mib": memory,
            "kernel": platform.release(), "virtual": "hypervisor" in pathlib.Path("/proc/cpuinfo").read_text()}


def seconds_of(pid):
    """(its own, that of the children it has waited for); zero when it is gone."""
    with contextlib.suppress(OSError):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK, (int(fields[13]) + int(fields[14])) / TICK
    return 0.0, 0.0


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no VmRSS of process {pid}")


def busy_seconds():
    """What all processors have worked since boot."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICK


class Meter:
    """The processor time between two moments of the processes of a cluster or a node, by kind."""

    def __init__(self, processes):
        """@param processes (kind, pid); what a node has waited for counts as "children"."""
        self.processes = processes
        self.at = self.read()

    def read(self):
        found = {"machine": busy_seconds(), "this bench": sum(os.times()[:2]), "wall": time.monotonic()}
        for kind, pid in self.processes:
            own, children = seconds_of(pid)
            found[kind] = found.get(kind, 0.0) + own
            if kind == "nodes":
                found["children"] = found.get("children", 0.0) + children
        return found

    def taken(self):
        """Seconds by kind since the last call, or the beginning; "others" is what else ran on the machine."""
        before, self.at = self.at, self.read()
        taken = {kind: self.at[kind] - before[kind] for kind in self.at}
        machine, wall = taken.pop("machine"), taken.pop("wall")
        taken["others"] = max(0.0, machine - sum(taken.values()))
        return {**taken, "wall": wall}


def processes_of(cluster):
    """(kind, pid) of what runs for a cluster, or for a node that is alone."""
    if not hasattr(cluster, "process"):
        found = []
        for name, process in cluster.status()["processes"].items():
            if name.startswith("node"):
                found += [("wardens", process["pid"]), ("nodes", process["node_pid"])]
            else:
                found.append((name, process["pid"]))
        return found
    warden, node = cluster.pids()
    return [("wardens", warden), ("nodes", node)]


def version_of(command, seconds=30):
    """The first line that a program prints; empty when it cannot be started or does not end in time."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
        return done.stdout.split("\n")[0].strip()
    return ""
