"""What a person reads, and what a program does."""
import collections
import dataclasses
import datetime
import json
import time

MOST_SHOWN = 6  # of one rule
BEFORE, AFTER = 12, 8  # seconds around a violation of which the logs and the other fires are shown
MOST_LINES = 80  # of the logs
WORTH_TELLING = 0.3  # seconds a fire is late
CHANGES = " http: "  # log lines about what people have done


def clock(at):
    """A moment, to the millisecond."""
    return time.strftime("%H:%M:%S", time.gmtime(at // 1_000_000_000)) + f".{at // 1_000_000 % 1000:03}"


def moment(case, at):
    return f"{clock(at)} (+{(at - case.marks['zero']) / 1e9:.1f} s)"


def fault_line(case, fault):
    began, ended = ((fault[name] - case.marks["zero"]) / 1e9 for name in ("began", "ended"))
    return (f"#{fault['number']} {fault['kind']} of {', '.join(fault['targets'])}"
            f"{' ' + fault['detail'] if fault['detail'] else ''}, {began:+.1f} s to {ended:+.1f} s")


def row_line(row):
    times = ", ".join(f"{name} {clock(value * 1_000_000)}" for name, value in
                      (("started", row.started_at), ("ended", row.ended_at)) if value is not None)
    part = f"part {row.part} of {row.parts}, " if row.parts > 1 else ""
    return (f"row {row.id}: {part}attempt {row.attempt} {row.state} ({row.reason or 'no reason'})"
            f"{', ' + times if times else ''}, run {row.run_server or 'nowhere'}, dispatched by {row.dispatch_server}"
            f" at {clock(row.dispatch_time * 1_000_000_000)} in epoch {row.epoch}"
            f"{f', {row.fires} fires to {clock(row.gap_end * 1_000_000)}' if row.gap_end else ''}")


def sighting_line(sighting):
    ended = f"ended {clock(sighting.ended * 1000)} with {sighting.exit_code}" if sighting.ended else "never ended"
    part = f"part {sighting.part} of {sighting.parts}, " if sighting.parts > 1 else ""
    return (f"witness: {clock(sighting.scheduled_at * 1_000_000)} {part}attempt {sighting.attempt} started"
            f" {clock(sighting.began * 1000)} on {sighting.node} in epoch {sighting.epoch}, process {sighting.pid},"
            f" place {sighting.place}, {ended}")


def violation_lines(case, kinds, ids, violation):
    about = []
    if violation.token:
        kind = kinds.get(violation.token, "")
        about.append(f"{violation.token} (job {ids.get(violation.token, 'unknown')}, {kind})")
    if violation.at is not None:
        about.append(f"at {moment(case, violation.at)}")
    yield f"{violation.rule}: {' '.join(about)}: {violation.words}"
    for row in violation.rows[:4]:
        yield "    " + row_line(row)
    if not violation.rows and violation.token:
        yield "    the ledger has no row"
    for sighting in violation.sightings[:4]:
        yield "    " + sighting_line(sighting)
    for fault in violation.faults:
        yield "    fault " + fault_line(case, fault)


def log_lines(folder, at):
    """What the nodes said around the moment."""
    began, ended = (datetime.datetime.fromtimestamp(at // 1_000_000_000 + seconds, datetime.timezone.utc).isoformat()
                    for seconds in (-BEFORE, AFTER))
    found = sorted((line, log.stem) for log in folder.glob("logs/node*.log")
                   for line in log.read_text(errors="replace").splitlines()
                   if began <= line < ended and CHANGES not in line)
    yield f"    what the nodes said from {BEFORE} s before to {AFTER} s after it:"
    for line, node in found[:MOST_LINES]:
        yield f"      {node} {line.partition('T')[2]}"
    if len(found) > MOST_LINES:
        yield f"      … and {len(found) - MOST_LINES} lines more"


def neighbour_lines(case, at):
    """How late the other fires of that time were, by node, of jobs that start when they are due."""
    late = collections.defaultdict(list)
    delayed = {job["token"] for job in case.jobs if job["definition"].keys() & {"jitter", "run_after", "requires"}}
    for sighting in case.sightings:
        due = sighting.scheduled_at * 1_000_000
        if sighting.token not in delayed and sighting.attempt == 1 and at - BEFORE * 1_000_000_000 <= due < at + AFTER * 1_000_000_000:
            late[due // 1_000_000_000, sighting.node].append(sighting.lateness)
    yield f"    how late the fires of that time were, in seconds, where one was later than {WORTH_TELLING}:"
    for (due, node), values in sorted(late.items()):
        if max(values) > WORTH_TELLING:
            yield (f"      {clock(due * 1_000_000_000)[:8]} {node}: {len(values)} fires, {min(values):.3f}"
                   f" to {max(values):.3f}")


def table(counts):
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))


def lines(case, judge, figures, folder):
    kinds = {job["token"]: job["kind"] for job in case.jobs}
    yield ""
    yield (f"{figures['due']['must']} fires were due ({figures['due']['may']} more may have been),"
           f" {figures['rows']} rows, {figures['witnessed']} runs witnessed")
    yield f"states    {table(figures['states'])}"
    yield f"causes    {table(figures['causes']) or 'none'}"
    yield f"faults    {table(figures['faults']) or 'none'}"
    if figures["audit"]:
        yield (f"audit     {figures['audit']['due']} fires due, {figures['audit']['unjudged_fires']} fires and"
               f" {figures['audit']['unjudged_rows']} rows not judged")
    if figures["policies"]:
        yield "policies  " + ", ".join(f"{count} {name}" for name, count in figures["policies"].items())
    if figures["notices"]:
        yield "notices   " + ", ".join(f"{count} {name}" for name, count in figures["notices"].items())
    yield "lateness in seconds           fires      p50      p99      max"
    for name, late in figures["lateness"].items():
        yield f"  {name:26} {late['fires']:6} {late['p50']:8.3f} {late['p99']:8.3f} {late['max']:8.3f}"
    if figures["daemons"]:
        yield "daemons, seen alive in              all seconds    those in which a node could have run it"
        for token, daemon in figures["daemons"].items():
            yield f"  {token} {daemon['label']:30} {daemon['alive']:9.2%} {daemon['alive_when_possible']:9.2%}"
    yield f"a core stood still for {figures['longest_lag']:.2f} s at most"
    rules = collections.Counter()
    for violation in judge.violations:
        rules[violation.rule] += 1
        if rules[violation.rule] <= MOST_SHOWN:
            yield ""
            yield from violation_lines(case, kinds, judge.ids, violation)
        if rules[violation.rule] == 1 and violation.at is not None:
            yield from neighbour_lines(case, violation.at)
            yield from log_lines(folder, violation.at)
    for rule, count in rules.items():
        if count > MOST_SHOWN:
            yield f"\n… and {count - MOST_SHOWN} more of {rule}, in verdict.json"
    yield ""
    if judge.violations:
        yield f"BROKEN: {len(judge.violations)} violations ({table(rules)}). Everything is in {folder}"
    else:
        yield "CLEAN: every due fire has its row, and the rows say what happened"


def write_verdict(path, case, judge, figures):
    kinds = {job["token"]: job["kind"] for job in case.jobs}
    violations = [{**dataclasses.asdict(violation),
                   "text": list(violation_lines(case, kinds, judge.ids, violation))}
                  for violation in judge.violations]
    verdict = {"clean": not violations, "figures": figures, "violations": violations}
    path.write_text(json.dumps(verdict, indent=1) + "\n")
