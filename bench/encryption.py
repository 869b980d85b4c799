"""Encryption between nodes: the same loads on a cluster that encrypts and on one that does not, in turn."""
import contextlib
import os
import re
import unittest.mock

import harness
import load
import machine
from figures import Part, quantile
from limit import measured_limit

KINDS = {"plain": "off", "encrypted": "require"}
SHARES = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
QUICK_SHARES = (0.6, 0.8, 0.9)
STEADY = 100  # fires at each second: its lateness, and the CPU of one fire
PAUSE = 3


def measure(bench):
    part = Part("encryption")
    with contextlib.ExitStack() as servers:  # not shared: other parts would run beside them
        print("   starting two clusters of three nodes", flush=True)
        clusters = {kind: servers.enter_context(cluster_with(word)) for kind, word in KINDS.items()}
        for kind, word in KINDS.items():
            check(clusters[kind], word)
        steady(bench, part, clusters)
        ramp(bench, part, clusters)
    return part


@contextlib.contextmanager
def cluster_with(encrypt):
    with contextlib.ExitStack() as servers:
        with unittest.mock.patch.dict(os.environ, PEERCRON_CLUSTER_ENCRYPT=encrypt):
            cluster = servers.enter_context(harness.running_cluster())
        yield cluster


def check(cluster, encrypt):
    """It is as the figures say."""
    text = "".join(harness.request(cluster.http_port(k), "GET", "/metrics").body.decode() for k in cluster.nodes)
    found = re.findall(r'peercron_peer_connections_accepted_total\{encryption="(\w+)"\} ([1-9]\d*)', text)
    if {name for name, _ in found} != {"tls" if encrypt == "require" else "none"}:
        raise RuntimeError(f'a cluster with encrypt = "{encrypt}" has these connections: {found}')


def steady(bench, part, clusters):
    """The same rate in turn, ABBA, so that a machine that becomes slower harms both alike."""
    seconds, rounds = (4, 1) if bench.quick else (15, 3)
    late = {kind: [] for kind in KINDS}
    spent = {kind: 0.0 for kind in KINDS}
    fires = {kind: 0 for kind in KINDS}
    for kind in [*KINDS, *reversed(KINDS)] * rounds:
        cluster = clusters[kind]
        [level] = load.plan_levels(cluster, [STEADY], seconds, 0, "/bin/true")
        meter = machine.Meter(machine.processes_of(cluster))
        load.sleep_until(level.begin - 0.2)
        meter.taken()
        load.sleep_until(level.end + 0.5)
        taken = meter.taken()
        load.require_recorded(cluster, level, 30)
        late[kind] += load.lateness_ms(cluster, level)
        spent[kind] += taken["nodes"]
        fires[kind] += level.fires
        load.drop_jobs(cluster)
    cpu = {kind: 1e6 * spent[kind] / fires[kind] for kind in KINDS}
    part.details["steady"] = {"lateness_ms": {kind: sorted(late[kind]) for kind in KINDS}, "node_cpu_us": cpu}
    part.add(f"{STEADY} fires at each second: the nodes' CPU per fire, encrypted", cpu["encrypted"], "µs", cpu["plain"],
             "plain", "≤ 1.05")
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        plain, encrypted = (quantile(sorted(late[kind]), share) for kind in ("plain", "encrypted"))
        # The ledger has whole milliseconds: half of one is the least that can be said.
        part.add(f"{STEADY} fires at each second: {name} of the lateness, encrypted", max(encrypted, 0.5), "ms",
                 max(plain, 0.5), "plain", "≤ 1.05")


def ramp(bench, part, clusters):
    """The highest rate that holds, each rate on both clusters before the next."""
    limit = measured_limit(bench, ["/bin/true"])
    best = {kind: 0 for kind in KINDS}
    failed = {kind: 0 for kind in KINDS}
    levels = []
    for share in QUICK_SHARES if bench.quick else SHARES:
        rate = max(1, int(share * limit.per_second))
        for kind, cluster in clusters.items():
            if failed[kind] == 2:
                continue
            [level] = load.plan_levels(cluster, [rate], 2 if bench.quick else 4, 0, "/bin/true")
            load.sleep_until(level.end + 0.7)
            result = load.judge(cluster, level)
            holds = result["holds"]
            levels.append({"kind": kind, **result})
            print(f"      {kind}: {rate:,}/s {'holds' if holds else 'does not hold'}", flush=True)
            failed[kind] = 0 if holds else failed[kind] + 1
            best[kind] = rate if holds else best[kind]
            load.require_recorded(cluster, level)
            load.drop_jobs(cluster)
            load.sleep_until(level.end + PAUSE)
    part.details["ramp"] = levels
    part.add("fires/s that all hold, encrypted", best["encrypted"], "/s", best["plain"] or None, "plain", "≥ 0.95",
             note="the steps are some 7 % apart")
