"""Chains: jobs that run after others, many of them at the same second, beside as many bare processes."""
import datetime
import time

import load
from figures import Part
from limit import measured_limit

CHAINS = 1000
QUICK_CHAINS = 100
LENGTH = 10  # jobs of a chain
COMMAND = "/bin/true"
NEVER = "@at 2199-01-01T00:00:00Z"


def measure(bench):
    part = Part("chains")
    part.details["rounds"] = []
    chains = QUICK_CHAINS if bench.quick else CHAINS
    for place in ("solo",) if bench.quick else ("solo", "cluster"):
        cluster = getattr(bench, place)()
        add_chains(cluster, chains)
        load.wait_noted(cluster)  # which is work
        rounds = [one_round(bench, cluster, chains) for _ in range(1 if bench.quick else 3)]
        load.drop_jobs(cluster)
        load.wait_noted(cluster)
        part.details["rounds"].append({"place": place, "chains": chains, "last_ms": rounds})
        rounds.sort(key=lambda found: found["last_ms"] / found["raw_ms"])
        typical = rounds[len(rounds) // 2]
        part.add(f"{place}, {chains:,} chains of {LENGTH} due at one second: the last child starts", typical["last_ms"],
                 "ms", typical["raw_ms"], f"raw loop, {chains * LENGTH:,} processes", "≤ 1.50",
                 note=f"median of {len(rounds)} rounds" if len(rounds) > 1 else "")
    return part


def add_chains(cluster, chains):
    """Parents before their children."""
    for place in range(1, LENGTH + 1):
        rows = ", ".join(f"('chain-{k}-{place}', '{NEVER if place == 1 else ''}',"
                         f" '{f'chain-{k}-{place - 1}' if place > 1 else ''}', '{COMMAND}')" for k in range(chains))
        cluster.sql(f"INSERT INTO cron (name, cron_set, run_after, command) VALUES {rows}", seconds=load.SQL_SECONDS)


def one_round(bench, cluster, chains):
    """When the last child starts, and how long a bare loop takes for as many processes, in ms."""
    before = measured_limit(bench, [COMMAND])
    begin = int(time.time()) + load.LEAD + 3  # the dispatcher notes this change as well
    level = load.Level(chains * LENGTH, begin, 1)
    moment = datetime.datetime.fromtimestamp(begin, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    cluster.sql(f"UPDATE cron SET cron_set = '@at {moment}' WHERE run_after = ''", seconds=load.SQL_SECONDS)
    load.sleep_until(begin + 2 * level.fires / before.per_second)  # looking at the ledger is work, too
    load.require_recorded(cluster, level, 120)
    states = load.outcomes(cluster, level)
    if states != {("success", ""): level.fires}:
        raise RuntimeError(f"not all {level.fires:,} jobs of the chains have succeeded: {states}")
    last = load.lateness_ms(cluster, level)[-1]
    raw = before.joined(measured_limit(bench, [COMMAND]))
    return {"last_ms": last, "raw_ms": 1000 * level.fires / raw.per_second}
