"""Other schedulers beside peercron, on this machine, one after the other, with the same command: bench/witness.

Each runs N jobs that are due each second, for more and more N until it does not keep up; then ten a second while what
dispatches is killed with SIGKILL. The other programs are named by their paths. Only peercron tells a
command the second for which it runs. A run of the others counts for the second in which it began, so one that is more
than a second late shows up as a fire that did not run, and often as another that ran twice.
"""
import collections
import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.request

import load
import machine
from figures import Part, quantile
from harness import HOST, free_base_port, wait_until

RATES = (1, 10, 100, 500, 1000, 2000, 3000)
QUICK_RATES = (1, 100)
DEATH_RATE = 10
SETTLE = 3  # seconds from a start to the first second that counts


def kind_of(program):
    """Which scheduler it is, by its name."""
    found = [kind for kind in (Supercronic, Dkron) if kind.name in pathlib.Path(program).name.lower()]
    if not found:
        raise RuntimeError(f"{program}: its name says neither supercronic nor dkron; no other peer is known here")
    return found[0]


def measure(bench):
    part = Part("peers")
    tables = part.details["tables"] = {"rates": [], "deaths": []}
    starts = [lambda _: Peercron("peercron, alone", bench.solo()), lambda _: Peercron("peercron, 3 nodes", bench.cluster())]
    for path in bench.peers:
        kind = kind_of(path)
        starts += [functools.partial(kind, path, nodes, bench.data) for nodes in kind.sizes]
    for start in starts:
        with contextlib.ExitStack() as ends:
            scheduler = start(ends)
            print(f"   {scheduler.title}", flush=True)
            rates(bench, scheduler, tables["rates"])
            death(bench, scheduler, tables["deaths"])
    return part


def rates(bench, scheduler, rows):
    seconds = 3 if bench.quick else 6
    for rate in QUICK_RATES if bench.quick else RATES:
        seen = Seen(bench, scheduler, rate, seconds)
        seen.watch()
        rows.append(row := {"scheduler": scheduler.title, "due_per_s": rate, **seen.counts(), **seen.lateness()})
        print(f"      {row}", flush=True)
        if seen.started < 0.9 * seen.due:
            break


def death(bench, scheduler, rows):
    seconds = 12 if bench.quick else 30
    seen = Seen(bench, scheduler, DEATH_RATE, seconds)
    killed = []

    def kill():
        scheduler.kill_dispatcher()
        killed.append(time.time())

    seen.watch(at=5.5, call=kill)
    after = [now for _, _, now in seen.lines if now > killed[0]]
    rows.append(row := {"scheduler": scheduler.title, "due_per_s": DEATH_RATE, **seen.counts(),
                        "next_start_s": round(min(after) - killed[0], 2) if after else "none"})
    print(f"      what dispatches is killed: {row}", flush=True)


class Seen:
    """What the commands themselves have written while jobs were due each second."""

    def __init__(self, bench, scheduler, rate, seconds):
        self.scheduler, self.rate, self.seconds = scheduler, rate, seconds
        self.witness = bench.programs / "witness"
        self.file = bench.data / "peer-witness"
        self.lines = []

    def watch(self, at=0.0, call=lambda: None):
        """Calls `call` at this many seconds after the first one that counts."""
        self.file.unlink(missing_ok=True)
        begin = self.scheduler.begin(self.rate, self.seconds, str(self.witness), str(self.file))
        load.sleep_until(begin + at)
        call()
        load.sleep_until(begin + self.seconds + 1.5)
        self.scheduler.finish()
        for line in self.file.read_text().splitlines() if self.file.exists() else ():
            job, scheduled, now = map(int, line.split())
            second = scheduled // 1000 or now // 1_000_000
            if begin <= second < begin + self.seconds:
                self.lines.append((job, second, now / 1e6))
        self.fires = collections.Counter((job, second) for job, second, _ in self.lines)

    @property
    def due(self):
        return self.rate * self.seconds

    @property
    def started(self):
        return len(self.fires)

    def counts(self):
        return {"due": self.due, "did_not_run": self.due - self.started, "ran_twice": len(self.lines) - self.started}

    def lateness(self):
        late = sorted(1000 * (now - second) for _, second, now in self.lines)
        return {f"{name}_ms": round(quantile(late, share), 1) if late else "none"
                for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}


class Peercron:
    """A cluster, or a node that is alone, which the bench has started."""

    def __init__(self, title, cluster):
        self.title, self.cluster = title, cluster

    def begin(self, rate, seconds, witness, file):
        [level] = load.plan_levels(self.cluster, [rate], seconds, 0, f"{witness} {file}")
        return level.begin

    def finish(self):
        load.drop_jobs(self.cluster)

    def kill_dispatcher(self):
        """Alone both of its processes; in a cluster the node, whose death its warden tells."""
        if load.is_solo(self.cluster):
            for pid in self.cluster.pids():
                os.kill(pid, signal.SIGKILL)
        else:
            self.cluster.run("kill-node", str(self.cluster.number(self.cluster.dispatcher())))


class Program:
    """Another scheduler. `ends` (an ExitStack) ends all that it has started, also when it does not come up."""

    def __init__(self, path, nodes, folder, ends):
        self.path = path
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(exist_ok=True)
        ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.processes = []
        ends.callback(self.stop_all)
        version = machine.version_of([path, *self.ask_version])
        self.title = f"{self.name} {version}".strip() + (f", {nodes} nodes" if nodes > 1 else ", alone")

    def start(self, *words, directory=None):
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen([self.path, *map(str, words)], stdin=subprocess.DEVNULL, stdout=log,
                                                   stderr=log, cwd=directory or self.folder, start_new_session=True))

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def stop_all(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()


class Supercronic(Program):
    name = "supercronic"
    ask_version = ("-version",)
    sizes = (1,)

    def begin(self, rate, seconds, witness, file):
        crontab = self.folder / "crontab"
        crontab.write_text("".join(f"* * * * * * * PEERCRON_JOB_ID={job} {witness} {file}\n" for job in range(1, rate + 1)))
        self.start("-quiet", "-passthrough-logs", crontab)
        begin = int(time.time()) + SETTLE
        time.sleep(1)
        if self.processes[0].poll() is not None:
            raise RuntimeError(f"supercronic has ended: {self.log()}")
        return begin

    def finish(self):
        self.stop_all()

    def kill_dispatcher(self):
        self.processes[0].kill()


class Dkron(Program):
    name = "dkron"
    ask_version = ("version",)
    sizes = (1, 3)

    def __init__(self, path, nodes, folder, ends):
        base = ends.enter_context(free_base_port())
        super().__init__(path, nodes, folder, ends)
        self.jobs = 0
        self.http = [base + 10 * k for k in range(nodes)]
        for k, port in enumerate(self.http):
            data = self.folder / f"node{k}"
            data.mkdir()
            joins = [f"--retry-join={HOST}:{other + 1}" for other in self.http if other != port]
            self.start("agent", "--server", f"--bootstrap-expect={nodes}", f"--node-name=node{k}", "--tag=bench=yes",
                       f"--http-addr={HOST}:{port}", f"--bind-addr={HOST}:{port + 1}", f"--rpc-port={port + 2}",
                       f"--data-dir={data}", "--log-level=error", *joins, directory=data)
        wait_until(self.leader, 60, lambda: f"dkron has a leader: {self.log()}")

    def call(self, port, method, target, body=None):
        asked = urllib.request.Request(f"http://{HOST}:{port}/v1{target}", method=method,
                                       data=json.dumps(body).encode() if body else None,
                                       headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def alive(self):
        return [port for port, process in zip(self.http, self.processes) if process.poll() is None]

    def leader(self):
        for port in self.alive():
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                return self.call(port, "GET", "/leader")["Name"]
        return None

    def begin(self, rate, seconds, witness, file):
        for job in range(1, rate + 1):
            self.call(self.alive()[0], "POST", "/jobs", {
                "name": f"job{job}", "schedule": "* * * * * *", "concurrency": "allow", "tags": {"bench": "yes:1"},
                "executor": "shell", "executor_config": {"shell": "false", "command": f"{witness} {file}",
                                                         "env": f"PEERCRON_JOB_ID={job}"}})
        self.jobs = rate
        return int(time.time()) + SETTLE

    def finish(self):
        for job in range(1, self.jobs + 1):
            if self.alive():  # a single node that was killed has taken its jobs along
                self.call(self.alive()[0], "DELETE", f"/jobs/job{job}")

    def kill_dispatcher(self):
        leader = wait_until(self.leader, 10, "dkron has a leader")
        self.processes[int(leader.removeprefix("node"))].kill()
