"""Measures what peercron can do on this machine, each figure beside the limit of the same machine in the same run.

Parts, all unless some are named, in this order (unless others are named, --quick takes {quick},
and --large {large}):
{parts}
The end is one table, the ratio to the limit first. All of it is in build/bench/results.json, and plotted in
build/bench/*.svg and *.png. docs/performance.md explains the figures. Nothing else should run meanwhile.
"""
import argparse
import contextlib
import datetime
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/peercron"
sys.path.insert(0, str(ROOT / "tests" / "cluster"))
os.environ["PEERCRON_BINARY"] = str(PROGRAM)  # before the harness is read

import api  # noqa: E402
import bulk  # noqa: E402
import chains  # noqa: E402
import console  # noqa: E402
import encryption  # noqa: E402
import figures  # noqa: E402
import harness  # noqa: E402
import history  # noqa: E402
import http_jobs  # noqa: E402
import insight  # noqa: E402
import lateness  # noqa: E402
import machine  # noqa: E402
import memory  # noqa: E402
import native  # noqa: E402
import peers  # noqa: E402
import plots  # noqa: E402
import start  # noqa: E402
import throughput  # noqa: E402
import watched  # noqa: E402

# What is measured here, on whole clusters. The parts from `api` on fill the shared cluster with a large ledger, beside
# which nothing else is measured: they come last.
PARTS = {
    "start": (start.measure, "a node alone: time to its first answer and its first dispatch, memory"),
    "throughput": (throughput.measure, "fires/s that are all executed, recorded and at most 1 s late"),
    "lateness": (lateness.measure, "scheduled time to the command's first instruction, also under faults"),
    "encryption": (encryption.measure, "a cluster that encrypts beside one that does not: rate, CPU, lateness"),
    "http": (http_jobs.measure, "requests beside a bare loop of libcurl, and beside commands"),
    "watched": (watched.measure, "a command that writes all the time, and 50 readers of its output"),
    "memory": (memory.measure, "the nodes' memory under a steady load"),
    "chains": (chains.measure, "a thousand chains of ten jobs, all due at one second, beside as many processes"),
    "bulk": (bulk.measure, "10,000 jobs stopped by one call, and the fires of another job meanwhile"),
    "api": (api.measure, "pages of /cron/list and /log/list of large tables, 32 connections"),
    "console": (console.measure, "the console in Chromium on these tables: paint, calls, an open tab, 1 GB of output"),
    "insight": (insight.measure, "statistics and states per fire, why, forecast, an outbox that is not delivered"),
    "history": (history.measure, "disk, counting, searching, recording and expiry on a large ledger"),
}
# Parts of a C++ program, which come first: see native.py.
NATIVE = {
    "raw": "spawning a command: a minimal loop, and the program's executor",
    "cron": "understanding an expression, and finding its next moment",
    "plan": "a thousand to a million jobs, also with calendars and jitter: memory, take-over, an idle second; retries",
    "where": "what labels cost a fire: 300 nodes, 100,000 jobs, in turn with the same jobs without labels",
    "protocol": "the peer protocol: frames/s, bytes per run, 3 to 300 nodes",
    "store": "rows planned and recorded, beside the database's own inserts; what a take-over reads",
    "consul": "3 to 100 nodes that meet in one Consul: what it costs, and how soon another one dispatches",
}
# One of each kind, in a minute or two.
QUICK_PARTS = ("cron", "start", "throughput", "lateness")
# What has a size at which something breaks.
LARGE_PARTS = ("plan", "protocol", "store", "consul")


class Stop(Exception):
    """What a person is told; the exit status is 1."""


class Bench:
    """One run: its options, and the servers that the parts share."""

    def __init__(self, options, servers):
        self.quick = options.quick
        self.large = options.large
        self.peers = options.peers
        self.jobs = options.jobs or (1_000 if options.quick else 100_000)
        self.rows = options.rows or (100_000 if options.quick else 2_000_000)
        self.memory_minutes = options.memory_minutes
        self.programs = ROOT / "build/release/bench"
        self.results = ROOT / "build/bench"
        self.data = self.results / "data"
        self.servers = servers
        self.started = {}

    def shared(self, name, start_it):
        if name not in self.started:
            print(f"   starting {name}", flush=True)
            self.started[name] = self.servers.enter_context(start_it())
        return self.started[name]

    def cluster(self):
        """Three nodes with Consul, MariaDB and nginx; no jobs."""
        return self.shared("a cluster of three nodes, Consul, MariaDB and nginx", harness.running_cluster)

    def solo(self):
        """A node that is alone, on SQLite; no jobs."""
        return self.shared("a node that is alone, on SQLite", harness.running_solo)


def parse_arguments(arguments):
    listed = {**NATIVE, **{name: text for name, (_, text) in PARTS.items()}}
    parser = argparse.ArgumentParser(
        prog="bin/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__.format(quick=", ".join(QUICK_PARTS), large=", ".join(LARGE_PARTS),
                                   parts="\n".join(f"  {name:<12}{text}" for name, text in listed.items())))
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to measure; see above")
    parser.add_argument("--quick", action="store_true",
                        help="a minute or two instead of ten and more: fewer parts, shorter measurements, less data")
    parser.add_argument("--large", action="store_true",
                        help="how far it goes, for docs/scale.md: 6 million jobs, 3,000 nodes, 80,000 fires a second, 1,000"
                        " nodes at one Consul; half an hour, and 17 GiB of memory")
    parser.add_argument("--peers", nargs="+", type=peer, metavar="PROGRAM",
                        help="nothing but this: peercron, and the supercronic and dkron whose programs are named, one"
                        " after the other: lateness, what each keeps up with, and the death of what dispatches")
    parser.add_argument("--jobs", type=count, metavar="N",
                        help="jobs of the parts api, console, insight and history: 100,000, with --quick 1,000")
    parser.add_argument("--rows", type=count, metavar="N",
                        help="rows of their ledger: 2,000,000, with --quick 100,000; the targets speak of 10,000,000,"
                        " which take some five minutes more to fill in")
    parser.add_argument("--memory-minutes", type=float, default=2, metavar="M",
                        help="how long part memory lasts, and the tabs of part console: 2; 60 tell a leak from a cache")
    parser.add_argument("--no-build", action="store_true", help="measure the present build/release")
    options = parser.parse_args(arguments)
    if options.peers and (options.large or options.parts):
        parser.error("--peers goes with --quick, and with no part")
    if options.large:
        if options.quick:
            parser.error("--quick and --large exclude each other")
        small = sorted(set(options.parts) - set(LARGE_PARTS))
        if small:
            parser.error(f"--large is for the parts {', '.join(LARGE_PARTS)}, not for {', '.join(small)}")
    return options


def peer(program):
    """A program that part peers knows."""
    try:
        peers.kind_of(program)
    except RuntimeError as unknown:
        raise argparse.ArgumentTypeError(str(unknown)) from None
    if not os.path.isfile(program) or not os.access(program, os.X_OK):
        raise argparse.ArgumentTypeError(f"{program} is not a program")
    return os.path.abspath(program)


def count(text):
    value = int(text.replace("_", "").replace(",", ""))
    if not 1 <= value <= 1_000_000_000:
        raise argparse.ArgumentTypeError("from 1 to 1,000,000,000")
    return value


def build(options):
    """The program and the benchmarks; what is there already costs no time."""
    if not options.no_build:
        folder = ROOT / "build/release"
        run([ROOT / "bin/setup"])
        cache = folder / "CMakeCache.txt"
        if not cache.exists() or "PEERCRON_BENCH:BOOL=ON" not in cache.read_text():
            run(["cmake", "--preset", "release", "-Wno-dev", "-DPEERCRON_BENCH=ON"], quiet=True)
        run(["cmake", "--build", folder, "--parallel", os.cpu_count(), "--target", "peercron", "bench/all"], quiet=True)
    for program in (PROGRAM, ROOT / "build/release/bench/spawn_limit", ROOT / "build/release/bench/witness"):
        if not program.exists():
            raise Stop(f"there is no {program}; without --no-build it would be built")


def run(command, quiet=False):
    command = [str(word) for word in command]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if quiet else None,
                          stderr=subprocess.STDOUT if quiet else None, text=True)
    if done.returncode != 0:
        raise Stop(f"{' '.join(command)} failed" + (":\n" + "\n".join(done.stdout.split("\n")[-30:]) if quiet else ""))


def chosen_parts(options, programs):
    """(name, function of the bench), in order."""
    if options.peers:
        return [("peers", peers.measure)]
    built = native.parts(programs)
    found = {name: lambda bench, name=name: native.measure(bench, name) for name in NATIVE if name in built}
    found.update({name: measure for name, (measure, _) in PARTS.items()})
    unknown = [name for name in options.parts if name not in found]
    if unknown:
        raise Stop(f"no part is called {', '.join(unknown)}; there are: {', '.join(found)}")
    wanted = options.parts or (QUICK_PARTS if options.quick else LARGE_PARTS if options.large else found)
    return [(name, measure) for name, measure in found.items() if name in wanted]


@contextlib.contextmanager
def servers_that_end():
    """Servers end with the bench, however it ends; a second Ctrl-C does not keep them from it."""
    def interrupted(*_):
        raise KeyboardInterrupt

    ends = (signal.SIGINT, signal.SIGTERM)
    for number in ends:
        signal.signal(number, interrupted)
    try:
        with contextlib.ExitStack() as servers:
            try:
                yield servers
            finally:
                for number in ends:
                    signal.signal(number, signal.SIG_IGN)
                print("stopping the servers", flush=True)
    finally:
        for number in ends:
            signal.signal(number, signal.SIG_DFL)


def measure(options):
    """The parts that were measured, and the sentences about those that could not be."""
    measured, failed = [], []
    began = datetime.datetime.now(datetime.timezone.utc)
    with servers_that_end() as servers:
        bench = Bench(options, servers)
        bench.results.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(bench.data, ignore_errors=True)
        bench.data.mkdir()
        harness.WORK.mkdir(parents=True, exist_ok=True)
        for name, function in chosen_parts(options, bench.programs):
            print(f"=== {name}", flush=True)
            at = time.monotonic()
            try:
                part = function(bench)
            except (AssertionError, RuntimeError, OSError, subprocess.SubprocessError) as error:
                failed.append(f"{name}: {error}")
                print(f"   could not be measured: {error}", flush=True)
                continue
            if not part.figures and not any(part.details.get("tables", {}).values()):
                failed.append(f"{name}: it delivered no figures")
            part.details["seconds"] = round(time.monotonic() - at, 1)
            measured.append(part)
    shutil.rmtree(bench.data, ignore_errors=True)
    figures.write_json(bench.results / "results.json", {
        "began": began.isoformat(timespec="seconds"), "quick": options.quick, "large": options.large,
        "machine": machine.describe(),
        "version": machine.version_of([PROGRAM, "--version"]), "failed": failed,
        "parts": {part.name: part.as_json() for part in measured}})
    return bench, measured, failed


def main(arguments):
    options = parse_arguments(arguments)
    try:
        build(options)
        bench, measured, failed = measure(options)
    except Stop as stop:
        sys.exit(f"bin/bench: {stop}")
    except KeyboardInterrupt:
        sys.exit("\nbin/bench: interrupted; its servers are stopped")
    for part in measured:
        text = figures.native_tables(part)
        if text:
            print(text)
    print(figures.table([part for part in measured if part.figures]))
    drawn = plots.draw(bench.results, measured)
    print(f"\nAll of it: {bench.results / 'results.json'}")
    if drawn:
        print("Plots:     " + " ".join(file.name for file in drawn if file.suffix == ".svg") +
              f" (and .png) in {bench.results}")
    for sentence in failed:
        print(f"bin/bench: not measured: {sentence}", file=sys.stderr)
    return 1 if failed else 0
