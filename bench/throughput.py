"""Throughput: the highest rate of fires at which every one is executed, recorded and at most 1 s late."""
import load
import machine
from figures import Part
from limit import measured_limit

# Seconds between two levels. Where a hypervisor shares the cores, the raw limit changes from one moment to the next, so it
# is measured in each pause; a level is compared with the pauses before and after it.
PAUSE = 4
# Rates to try, as shares of the raw limit before the first level.
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2, 1.35, 1.5)
QUICK_SHARES = (0.6, 0.8, 0.9, 1.0, 1.1)
TARGETS = {"cluster": "≥ 0.80", "solo": "≥ 0.90"}


def measure(bench):
    part = Part("throughput")
    part.details["ramps"] = []
    for place in ("cluster", "solo"):
        for name, text, words in commands(bench):
            print(f"   {place}, {name}: {text}", flush=True)
            ramp(bench, part, place, getattr(bench, place)(), name, text, words)
    return part


def commands(bench):
    """(name, the job's command, the words for the raw loop)."""
    direct = ("direct", "/bin/true", ["/bin/true"])
    if bench.quick:
        return [direct]
    # The semicolon keeps the node from starting the program without the shell.
    return [direct, ("shell", "true;", ["/bin/sh", "-c", "true;"])]


def ramp(bench, part, place, cluster, name, text, words):
    before = measured_limit(bench, words)
    shares = QUICK_SHARES if bench.quick else SHARES
    rates = [max(1, int(share * before.per_second)) for share in shares]
    levels = load.plan_levels(cluster, rates, 2 if bench.quick else 4, PAUSE, text)
    load.sleep_until(levels[0].begin - PAUSE + 1)
    before = measured_limit(bench, words)
    meter = machine.Meter(machine.processes_of(cluster))
    failed = 0
    found = []
    for level in levels:
        load.sleep_until(level.begin - 0.2)
        meter.taken()
        load.sleep_until(level.end + 0.7)  # what holds has ended
        taken = meter.taken()
        after = measured_limit(bench, words)
        result = load.judge(cluster, level) | cpu(level, taken) | {"raw": before.joined(after).typical}
        before = after
        found.append(result)
        print(f"      {said(result)}", flush=True)
        failed = 0 if result["holds"] else failed + 1
        # One hiccup of the machine is not its end.
        if failed == 2 or (failed and result["not_recorded"]):
            break
    for level in levels[:len(found)]:
        load.require_recorded(cluster, level)
    for level, result in zip(levels, found):
        clean, totals = load.audit(cluster, level, f"{load.LATE_MS}ms")
        result |= {"audit_clean": clean, "audit": totals, "holds": result["holds"] and clean}
    held = [result for result in found if result["holds"]]
    print(f"      audit: {sum(result['audit_clean'] for result in found)} of {len(found)} levels are clean", flush=True)
    load.drop_jobs(cluster)
    part.details["ramps"].append({"place": place, "command": text, "levels": found})
    report(part, place, name, held, found)


def cpu(level, taken):
    return {"cpu_us": {kind: 1e6 * spent / level.fires for kind, spent in taken.items()
                       if kind not in ("wall", "others", "this bench")},
            "others_cores": taken["others"] / taken["wall"]}


def said(result):
    share = result["rate"] / result["raw"]["per_s"]
    words = f"{result['rate']:>6,}/s, {share:.2f} of raw: {result['success']:,} of {result['fires']:,} ran"
    if result["late_max_ms"] is not None:
        words += f", p50 {result['late_p50_ms']} ms, at most {result['late_max_ms']} ms late"
    return words + ("" if result["holds"] else "  ← does not hold")


def report(part, place, name, held, found):
    best = held[-1] if held else None
    raw = (best or found[0])["raw"]
    part.add(f"{place}, {name}: fires/s that all hold", best["rate"] if best else 0, "/s", raw["per_s"],
             "raw spawn + wait", TARGETS[place],
             note="not even the first level" if not best else "the ramp ended there" if best is found[-1] else "")
    if not best:
        return
    spent_by = best["cpu_us"]
    ours = sum(spent_by.values())
    part.add(f"{place}, {name}: CPU per fire", ours, "µs", raw["cpu_us_each"], "raw spawn + wait",
             note=", ".join(f"{kind} {spent:.0f}" for kind, spent in sorted(spent_by.items(), key=lambda item: -item[1])
                            if spent >= 0.5))
    part.add(f"{place}, {name}: CPU beyond the raw spawn", ours - raw["cpu_us_each"], "µs per fire", 150, "the budget",
             "≤ 1.00", note=f"others kept {best['others_cores']:.1f} cores busy")
