"""A real cluster under a seeded schedule of faults, and a judge who trusts nothing of it.

Three nodes, MariaDB and Consul, each on a host of its own of a small network that is made for the run, with jobs of
every kind, people who change them, and faults: killed, stopped and cut-off nodes and servers, restarts,
bad links. Then everything is healed, a quiet time follows, and the judge compares which fires were due
with what the commands themselves have witnessed and with the ledger. Needs root; leaves nothing behind but,
when the verdict is bad or with --keep, a folder below build/torture/.

The same seed makes the same jobs, changes and faults at the same times.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import threading
import time

import changes
import faults
import jobs
import ledger
import notice_witness
import report
import sandbox
import servers
import witness
from judge import Case, Judge
from processes import is_alive, stat_of, wait_for

ROOT = servers.ROOT
HOME = ROOT / "build" / "torture"
SETTLE = 12  # seconds from healed to quiet
QUIET = 20
OUTBOX = 45  # seconds in which messages that were not taken at first have been sent again
LAST_RUNS = 75  # seconds in which everything that runs has ended
LATEST_START = 65  # seconds after its time: the misfire window is 60, and faults may delay a fire as long as that
NOT_CLEAN = 11  # how `peercron audit` ends when something is wrong
LAG = 0.2  # seconds; a machine that stands still for longer is an excuse for being late
ALARMS = ("terminate called", "Assertion", "Sanitizer", "runtime error:", "Segmentation")


def say(text):
    print(text, flush=True)


class Events(list):
    """What happens; faults are told as they come."""

    zero = None

    def append(self, event):
        super().append(event)
        if self.zero is None or not event["what"].startswith("fault") and event["what"] != "stuck":
            return
        offset = (event["at"] - self.zero) / 1e9
        words = {"fault began": lambda: f"{event['kind']} of {', '.join(event['targets'])} {event['detail']}",
                 "fault ended": lambda: f"{event['kind']} is over",
                 "fault skipped": lambda: f"{event['kind']} left out: {event['why']}",
                 "stuck": lambda: f"{event['node']}: {event['why']}"}[event["what"]]()
        number = f"#{event['fault']} " if "fault" in event else ""
        say(f"{offset:+8.1f} s {number}{words}")


class Run:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.events = Events()
        self.over = threading.Event()
        self.marks = {}
        self.lags = []
        self.notes = []

    def mark(self, name):
        self.marks[name] = time.time_ns()

    # The plan.

    def make_plan(self, policies):
        chance = random.Random(self.options.seed)
        seconds = self.options.minutes * 60
        # Not from one sequence, so that another choice of faults leaves the jobs as they are.
        job_chance, fault_chance = random.Random(chance.random()), random.Random(chance.random())
        planned_jobs, planned_calendars, planned_changes = jobs.generate(job_chance, seconds, policies, self.options.daemons)
        kinds = self.choose_kinds()
        plan = {"seed": self.options.seed, "minutes": self.options.minutes, "policies": policies, "kinds": kinds,
                "jobs": planned_jobs, "calendars": planned_calendars, "changes": planned_changes,
                "faults": faults.plan(fault_chance, seconds, kinds)}
        (self.folder / "plan.json").write_text(json.dumps(plan, indent=1) + "\n")
        return plan

    def choose_kinds(self):
        chosen = []
        for name in self.options.faults:
            needs = faults.KINDS[name].needs
            if needs and not self.cluster.network.can_shape(*needs.split()):
                say(f"torture: NOTE: this kernel has no queue {needs.split()[0]} (tc), so {name} is left out")
                continue
            chosen.append(name)
        return chosen

    # The run.

    def perform(self):
        witness.install(self.folder)
        work = self.folder / "work"
        work.mkdir()
        self.cluster = servers.Cluster(self.folder, work, self.options.nodes, self.options.consul,
                                       self.options.binary, self.events)
        say(f"torture: seed {self.options.seed}: starting {self.options.nodes} nodes, {self.options.consul} Consul,"
            f" MariaDB; all goes to {self.folder}")
        self.cluster.start()
        self.plan = self.make_plan(self.cluster.policies(jobs.POLICIES))
        for core in os.sched_getaffinity(0):
            threading.Thread(target=self.keep_time, args=[core], daemon=True).start()
        self.mark("began")
        self.people = changes.People(self.cluster, self.folder, self.plan, time.time() + 5)
        self.people.prepare()
        for job in self.plan["jobs"]:
            if not job.get("late"):
                record = self.people.add(job["token"], 0)
                if record["outcome"] != "ok":
                    raise sandbox.Failure(f"cannot add a job: {record.get('status')} {record.get('message')}")
        self.events.zero = self.marks["zero"] = int(self.people.began * 1e9)
        say(f"torture: {len(self.plan['jobs'])} jobs, {len(self.plan['changes'])} changes and"
            f" {len(self.plan['faults'])} faults in {self.options.minutes} minutes")
        lanes = self.people.live(self.over)
        self.make_faults()
        self.heal(lanes)
        self.rest()

    def keep_time(self, core):
        """Notes when this core stands still, as a virtual machine's may: then nobody on it can be on time."""
        os.sched_setaffinity(0, {core})  # of this thread
        while True:
            began = time.monotonic()
            time.sleep(0.05)
            late = time.monotonic() - began - 0.05
            if late > LAG:
                self.lags.append((time.time_ns(), late))

    def make_faults(self):
        world = faults.World(self.cluster, self.over)
        self.threads = []
        for fault in self.plan["faults"]:
            self.sleep_until(fault["at"])
            thread = threading.Thread(target=self.make_fault, args=(world, fault))
            thread.start()
            self.threads.append(thread)
        self.sleep_until(self.options.minutes * 60)

    def make_fault(self, world, fault):
        try:
            faults.perform(world, fault)
        except Exception as error:
            self.notes.append({"rule": "script", "words": f"fault #{fault['number']} {fault['kind']}: {error!r}"})

    def sleep_until(self, offset):
        time.sleep(max(0, self.people.began + offset - time.time()))

    def heal(self, lanes):
        say(f"{self.options.minutes * 60:+8.1f} s everything is healed; what goes wrong from here on is wrong")
        self.over.set()
        for thread in (*self.threads, *lanes):
            thread.join()
        self.cluster.network.heal()
        if not wait_for(self.cluster.is_whole, 90, 0.3):
            self.notes.append({"rule": "not healed", "at": time.time_ns(),
                               "words": f"90 s after the last fault: {self.cluster.what_is_missing()}"})
        self.mark("healed")
        self.people.look()

    def rest(self):
        say(f"         whole again after {(time.time() - self.people.began) - self.options.minutes * 60:.1f} s;"
            f" quiet for {SETTLE + QUIET} s")
        time.sleep(SETTLE)
        self.mark("quiet")
        time.sleep(QUIET)
        self.mark("stopping")
        self.people.stop_all()
        self.mark("stopped")
        wait_for(lambda: self.open_rows() == 0, LAST_RUNS, 0.5)
        wait_for(lambda: self.waiting_notices() == 0, OUTBOX, 0.5)
        self.mark("read")
        for name, statement in ledger.DUMPS.items():
            text = self.cluster.mariadb.query(statement)
            if text is None:
                raise sandbox.Failure(f"cannot read table {name}; see {self.cluster.mariadb.log}")
            (self.folder / f"{name}.tsv").write_text(text)
        self.audit()
        for name in self.cluster.stop():
            self.notes.append({"rule": "stuck", "words": f"{name} did not end within {servers.STOP_LIMIT} s"})
        self.cluster.stopping.set()

    def audit(self):
        """What the cluster finds out about itself: the command that people have for it, over all of the run."""
        node = self.cluster.nodes[self.options.seed % len(self.cluster.nodes)]
        status, text, errors = node.ask("audit", "--json", "--late", f"{LATEST_START}s",
                                        "--from", str(self.marks["began"] // 1_000_000_000))
        (self.folder / "audit.json").write_text(json.dumps({
            "node": node.peer, "status": status, "errors": errors,
            "answer": json.loads(text) if status in (0, NOT_CLEAN) else None}, indent=1) + "\n")

    def open_rows(self):
        text = self.cluster.mariadb.query("SELECT COUNT(*) FROM log WHERE state IN ('planned', 'running')")
        return int(text.split()[1]) if text else -1

    def waiting_notices(self):
        text = self.cluster.mariadb.query("SELECT COUNT(*) FROM notice_delivery WHERE state = 'waiting'")
        return int(text.split()[1]) if text else -1

    # What comes of it.

    def write_case(self):
        (self.folder / "run.json").write_text(json.dumps({
            "marks": self.marks, "lags": self.lags, "events": list(self.events), "changes": self.people.done,
            "notes": [*self.notes, *self.people.notes, *self.alarms()]}, indent=1) + "\n")

    def alarms(self):
        for node in self.cluster.nodes:
            text = node.log.read_text(errors="replace")
            for line in text.splitlines():
                if any(alarm in line for alarm in ALARMS):
                    yield {"rule": "crash", "words": f"{node.log.name}: {line}"}


def read_case(folder):
    """A case from the files of a run."""
    plan = json.loads((folder / "plan.json").read_text())
    run = json.loads((folder / "run.json").read_text())
    marks, events = run["marks"], run["events"]
    audit = folder / "audit.json"  # older runs have none
    begun, found, lives, dispatchers, notes = {}, [], [], [], list(run["notes"])
    for event in events:
        what = event["what"]
        if what == "fault began":
            begun[event["fault"]] = event
        elif what in ("fault ended", "fault skipped") and event["fault"] in begun:
            began = begun.pop(event["fault"])
            found.append({"number": event["fault"], "kind": event["kind"], "targets": began["targets"],
                          "began": began["at"], "ended": event["at"], "detail": began["detail"]})
        elif what == "node began":
            lives.append({"node": event["node"], "pid": event["pid"], "began": event["at"], "ended": None})
        elif what == "node ended":
            life = next(life for life in lives if (life["node"], life["pid"]) == (event["node"], event["pid"]))
            life["ended"] = event["at"]
            if event["wanted"]:
                notes.append({"rule": "exit", "at": event["at"], "words": f"{event['node']} ended by itself with status"
                              f" {event['status']}"})
        elif what == "dispatcher":
            dispatchers.append((event["at"], event["node"]))
        elif what == "stuck":
            notes.append({"rule": "stuck", "at": event["at"], "words": f"{event['node']}: {event['why']}"})
    for event in begun.values():
        found.append({"number": event["fault"], "kind": event["kind"], "targets": event["targets"],
                      "began": event["at"], "ended": marks["healed"], "detail": event["detail"]})
    sightings, odd = witness.read((folder / witness.LINES).read_text())
    messages, outbox = folder / notice_witness.LINES, folder / "notice_delivery.tsv"  # older runs have none
    counters = {int(row["cron_id"]): int(row["run_num"])
                for row in ledger.parse((folder / "cron_counter.tsv").read_text())}
    return Case(plan["jobs"], run["changes"], sorted(found, key=lambda fault: fault["began"]), lives, dispatchers,
                marks, ledger.rows((folder / "log.tsv").read_text()), sightings, odd, notes,
                [tuple(lag) for lag in run["lags"]], counters,
                json.loads(audit.read_text()) if audit.exists() else None,
                notice_witness.read(messages.read_text()) if messages.exists() else [],
                ledger.parse(outbox.read_text()) if outbox.exists() else None)


def judge_folder(folder):
    """Judges a run, says what came out; whether it is clean."""
    case = read_case(folder)
    judge = Judge(case)
    judge.judge()
    figures = judge.figures()
    report.write_verdict(folder / "verdict.json", case, judge, figures)
    for line in report.lines(case, judge, figures, folder):
        say(line)
    return not judge.violations


# Folders.


def boot_id():
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def remove_leftovers():
    """Folders of runs that were killed with SIGKILL: their script is dead, and has given no verdict."""
    for owner in HOME.glob("*/owner.json"):
        try:
            known = json.loads(owner.read_text())
            alive = known["boot"] == boot_id() and is_alive(known["pid"], known["started"])
        except (OSError, ValueError, KeyError):
            continue  # being written, or gone
        if not alive:
            say(f"torture: removing {owner.parent}, the leftover of a run that was killed")
            shutil.rmtree(owner.parent, ignore_errors=True)


def new_folder(seed):
    folder = HOME / f"{seed}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.mkdir(parents=True)
    own = {"pid": os.getpid(), "started": stat_of(os.getpid())["started"], "boot": boot_id()}
    fresh = folder / "owner.json.new"
    fresh.write_text(json.dumps(own) + "\n")
    fresh.rename(folder / "owner.json")
    return folder


def torture(options):
    remove_leftovers()
    folder = new_folder(options.seed)
    keep = [options.keep]

    def main():
        run = Run(options, folder)
        run.perform()
        run.write_case()
        return 0 if judge_folder(folder) else 1

    status = 2
    try:
        status = sandbox.run_inside(main)
    finally:
        shutil.rmtree(folder / "work", ignore_errors=True)
        shutil.rmtree(folder / "locks", ignore_errors=True)
        (folder / "owner.json").unlink(missing_ok=True)
        if status in (1, 2) or keep[0]:
            say(f"torture: kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return status


# The command line.


def fault_list(text):
    if text == "help":
        width = max(map(len, faults.KINDS))
        say("\n".join(f"{kind.name:{width}}  {kind.what}" for kind in faults.KINDS.values()))
        sys.exit(0)
    if text == "none":
        return []
    names = text.split(",")
    for name in names:
        if name not in faults.KINDS:
            raise argparse.ArgumentTypeError(f"there is no fault {name!r}; --faults help lists them all")
    return names


def minutes(text):
    value = float(text)
    if not 0.2 <= value <= 24 * 60:
        raise argparse.ArgumentTypeError("from 0.2 to 1440")
    return value


def parse_options(arguments):
    parser = argparse.ArgumentParser(
        prog="bin/torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=minutes, default=5, help="how long faults are made (5)")
    parser.add_argument("--seed", type=int, help="of everything that is chosen (by the clock)")
    parser.add_argument("--faults", type=fault_list, default=list(faults.KINDS), metavar="LIST",
                        help="names separated by commas, none, or help (all)")
    parser.add_argument("--nodes", type=int, choices=range(2, 10), default=3, help="how many nodes (3)")
    parser.add_argument("--daemons", type=int, choices=range(1, 101), default=jobs.DAEMONS, metavar="N",
                        help=f"how many daemons that never end by themselves ({jobs.DAEMONS})")
    parser.add_argument("--consul", type=int, choices=(1, 3), default=1, help="how many Consul servers (1)")
    parser.add_argument("--keep", action="store_true", help="keep logs and tables even when all is well")
    parser.add_argument("--binary", type=pathlib.Path, help="the peercron to torture (build/release/peercron)")
    parser.add_argument("--judge", type=pathlib.Path, metavar="FOLDER", help="only judge a run that was kept, again")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = time.time_ns() // 1_000_000 % 1_000_000
    return options


def main(arguments):
    options = parse_options(arguments)
    try:
        if options.judge:
            return 0 if judge_folder(options.judge) else 1
        named = options.binary or os.environ.get("PEERCRON_BINARY") or ROOT / "build/release/peercron"
        options.binary = pathlib.Path(named).resolve()
        if not os.access(options.binary, os.X_OK):
            raise sandbox.Failure(f"{options.binary} is not a program; bin/build makes it")
        return torture(options)
    except sandbox.Failure as failure:
        print(f"torture: {failure}", file=sys.stderr)
        return 2
