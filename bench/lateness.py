"""Lateness: from the scheduled time to the command's first instruction, by the command's own clock."""
import os
import signal
import time

import load
import machine
from figures import Part, spread, spread_text
from limit import Limit

RATES = (1, 10, 100, 500, 1000)
QUICK_RATES = (1, 100, 1000)
BURST = 1000


def measure(bench):
    part = Part("lateness")
    cluster = bench.cluster()
    limit = Limit(bench.programs, [bench.programs / "witness", cluster.witness_file()])
    raw = raw_bursts(limit, bench.quick)
    steady(bench, part, cluster, raw)
    if not bench.quick:
        steady(bench, part, bench.solo(), raw)
    faults(bench, part, cluster)
    return part


def raw_bursts(limit, quick):
    """How late the minimal loop starts commands that are all due now, by their number."""
    file = limit.words[1]
    found = {}
    for rate in QUICK_RATES if quick else RATES:
        for _ in range(1 if quick else 3):
            limit.once(rate, 64)
        found[rate] = spread(read_witness(file)[0])
        os.unlink(file)
    return found


def read_witness(file, begin=0, end=float("inf")):
    """([lateness in ms] of the fires due in [begin, end), {scheduled second: the last one's lateness})."""
    late, last = [], {}
    for line in open(file):
        _, scheduled, now = map(int, line.split())
        if begin <= scheduled / 1000 < end:
            ms = now / 1000 - scheduled
            late.append(ms)
            last[scheduled] = max(last.get(scheduled, 0.0), ms)
    return late, last


def witness(bench, cluster):
    file = cluster.witness_file()
    file.touch()
    return file, f"{bench.programs / 'witness'} {file}"


def steady(bench, part, cluster, raw):
    place = "solo" if load.is_solo(cluster) else "cluster"
    seconds = 2 if bench.quick else 8
    file, command = witness(bench, cluster)
    levels = load.plan_levels(cluster, QUICK_RATES if bench.quick else RATES, seconds, 1, command)
    load.sleep_until(levels[-1].end)
    load.wait_recorded(cluster, levels[-1], 20)
    for level in levels:
        late, last = read_witness(file, level.begin, level.end)
        figures = spread(late)
        spawned = spread(load.lateness_ms(cluster, level))
        part.details.setdefault("steady", []).append({
            "place": place, "rate": level.rate, "first_instruction_ms": figures, "spawned_ms": spawned,
            "raw_ms": raw[level.rate], "all_ms": sorted(late)})
        if not late:
            raise RuntimeError(f"none of {level.fires} fires ran within 20 s")
        missing = "" if len(late) == level.fires else f"ONLY {len(late)} OF {level.fires} RAN"
        ledger = f"by the ledger, to the spawn: p50 {spawned['p50']}, p99 {spawned['p99']}, max {spawned['max']} ms"
        at_100 = level.rate == 100 and place == "cluster"
        for name, target in (("p50", "≤ 2 ms"), ("p99", "≤ 10 ms")):
            part.add(f"{place}, {level.rate:,} fires at each second: {name}", figures[name], "ms",
                     raw[level.rate][name], "raw loop, as many at once", target if at_100 else "", missing,
                     f"{spread_text(figures)}; {ledger}" if name == "p99" else "")
        if level.rate == BURST and last:
            worst = sorted(last.values())
            part.add(f"{place}, {BURST:,} due at the same second: the last one starts", worst[len(worst) // 2], "ms",
                     raw[BURST]["max"], f"raw loop, the last of {BURST:,}", "≤ 1.30",
                     f"median of {len(worst)} seconds, worst {worst[-1]:.0f} ms")
    load.drop_jobs(cluster)


def faults(bench, part, cluster):
    """A dispatcher that dies, a store that hangs, a store that is slow."""
    rate = 100
    seconds = 5 if bench.quick else 14
    kinds = [("the dispatcher dies", kill_dispatcher, cluster.make_whole),
             ("the store hangs for 3 s", hang_store, lambda: None),
             ("the store is slow: stopped 4 of 5 ms", slow_store, lambda: None)]
    for name, harm, heal in kinds[:1] if bench.quick else kinds:
        file, command = witness(bench, cluster)
        [level] = load.plan_levels(cluster, [rate], seconds, 0, command)
        load.sleep_until(level.begin + 1.4)
        harm(cluster, seconds - 3)
        load.sleep_until(level.end)
        recorded = load.wait_recorded(cluster, level, 40)
        heal()
        late, _ = read_witness(file, level.begin, level.end)
        figures = spread(late)
        clean, totals = load.audit(cluster, level, "3s")
        part.details.setdefault("faults", []).append({"fault": name, "rate": rate, "first_instruction_ms": figures,
                                                      "audit_clean": clean, "audit": totals, "all_ms": sorted(late)})
        note = f"{len(late):,} of {level.fires:,} ran, audit {'clean' if clean else 'NOT CLEAN'}"
        part.add(f"cluster, {rate} at each second, {name}: max", figures["max"], "ms", 3000, "what is promised",
                 "≤ 1.00", note + ("" if recorded else ", NOT ALL RECORDED"), spread_text(figures))
        load.drop_jobs(cluster)


def kill_dispatcher(cluster, _):
    cluster.run("kill-node", str(cluster.number(cluster.dispatcher())))


def hang_store(cluster, _):
    cluster.run("pause-server", "mariadb")
    try:
        time.sleep(3)
    finally:
        cluster.run("resume-server", "mariadb")


def slow_store(cluster, seconds):
    """A server that works a fifth of the time, in the finest slices that signals allow."""
    pid = dict(machine.processes_of(cluster))["mariadb"]
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.004)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.001)
    finally:
        os.kill(pid, signal.SIGCONT)
