"""Whole clusters for the tests: bin/cluster drives them; HTTP, the database and Consul's HTTP API
show what they do.

Nothing here looks at a log or at a process of peercron. Logs are only kept for the person who reads
about a failure.
"""
import base64
import collections
import contextlib
import fcntl
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import types
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("PEERCRON_BINARY", ROOT / "build/release/peercron"))
# bin/test names a folder in memory, where no server waits for a disk.
WORK = pathlib.Path(os.environ.get("PEERCRON_TEST_DIR", ROOT / "build")) / "cluster"
FAILED = ROOT / "build" / "test" / "cluster-logs"
HOST = "127.0.0.1"
EACH_SECOND = "*/1 * * * * *"
FINAL = {"success", "failed", "timeout", "killed", "lost", "fenced", "skipped", "revoked"}
# bin/cluster takes so many ports from its base port on. Those below are not handed out by the kernel.
PORTS_OF_CLUSTER = 100
BASE_PORTS = range(12000, 32000, PORTS_OF_CLUSTER)


def wait_until(predicate, seconds, what):
    """Polls until the predicate is true and returns its value. `what` was waited for, in words or a
    function that gives them."""
    limit = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.1)


def let_pass(seconds):
    """Time itself is the subject: fires fall due meanwhile."""
    time.sleep(seconds)


def now_ms():
    return time.time_ns() // 1_000_000


def due_seconds(after_ms, before_ms):
    """The whole seconds, in milliseconds, later than one moment and before the other."""
    return list(range((after_ms // 1000 + 1) * 1000, before_ms, 1000))


def next_second(ahead):
    """A whole second, so many seconds from now at the earliest."""
    return now_ms() // 1000 + 1 + ahead


class Answer:
    """An HTTP answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


def request(port, method, target, body=None, headers=None, seconds=30):
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def free_base_port():
    """A base port that no other cluster of these tests takes, in this run or in one beside it."""
    locks = ROOT / "build" / "cluster" / "ports"
    for folder in (locks, WORK):
        folder.mkdir(parents=True, exist_ok=True)
    for base in random.sample(BASE_PORTS, len(BASE_PORTS)):
        with (locks / str(base)).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if all(is_free(port) for port in range(base, base + PORTS_OF_CLUSTER)):
                yield base
                return
    raise RuntimeError(f"no free ports for a cluster from {BASE_PORTS.start} to {BASE_PORTS.stop}")


@contextlib.contextmanager
def running_cluster(nodes=3, binary=BINARY, prepare=lambda cluster: None):
    """A cluster of its own, of this program, gone afterwards; `prepare` is called before anything runs."""
    with free_base_port() as base:
        # A short name: MariaDB and others have sockets below it.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="c", dir=WORK))
        cluster = Cluster(folder, base, nodes)
        try:
            prepare(cluster)
            cluster.run("up", "--nodes", str(nodes), "--base-port", str(base), "--binary", str(binary))
            yield cluster
        except BaseException:
            cluster.keep_logs("setup-" + folder.name)
            raise
        finally:
            cluster.run("down", "--wipe", check=False)
            shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    """Nodes are numbered from 1, as in bin/cluster; their name is the address of the peer port."""

    def __init__(self, folder, base, nodes):
        self.folder = folder
        self.base = base
        self.nodes = range(1, nodes + 1)
        self.names = [self.name(k) for k in self.nodes]
        self.files = itertools.count(1)

    # What bin/cluster does.

    def command(self, *arguments):
        return [str(ROOT / "bin/cluster"), *arguments, "--dir", str(self.folder)]

    def run(self, *arguments, check=True):
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
        if check and done.returncode != 0:
            raise AssertionError(f"bin/cluster {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def status(self):
        done = subprocess.run(self.command("status", "--json"), capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout)

    def make_whole(self):
        """Every process runs and nobody is paused; the cluster is ready."""
        for name, process in self.status()["processes"].items():
            kind, k = name[:4], name[4:]
            if process["state"] == "paused":
                self.run(*(("resume-node", k) if kind == "node" else ("resume-server", name)))
            elif process["state"] != "running":
                self.run(*(("start-node", k) if kind == "node" else ("start-server", name)))
        self.wait_ready()

    def wait_ready(self):
        wait_until(lambda: self.status()["ready"], 60, lambda: f"ready, but {self.status()['missing']}")

    def log(self, process):
        """What a process has logged. For what cannot be seen otherwise: a node that cannot start."""
        return (self.folder / "logs" / f"{process}.log").read_text(errors="replace")

    def keep_logs(self, name):
        kept = FAILED / name
        shutil.rmtree(kept, ignore_errors=True)
        with contextlib.suppress(OSError):
            shutil.copytree(self.folder / "logs", kept)
        with contextlib.suppress(Exception):
            (kept / "ledger.txt").write_text("\n".join(map(str, self.sql(
                "SELECT * FROM (SELECT id, cron_id, scheduled_at % 1000000 AS at, state, LEFT(reason, 80) AS reason,"
                " run_server, dispatch_server, epoch, started_at, ended_at FROM log ORDER BY id DESC LIMIT 1000) AS newest"
                " ORDER BY id"))))
        return kept

    def witness_file(self):
        """A file for commands to write into."""
        return self.folder / f"witness{next(self.files)}"

    # Where things are.

    def http_port(self, k):
        return self.base + 2 * (k - 1)

    def peer_port(self, k):
        return self.http_port(k) + 1

    def name(self, k):
        return f"{HOST}:{self.peer_port(k)}"

    def number(self, name):
        return self.names.index(name) + 1

    @property
    def nginx_port(self):
        return self.base + 90

    @property
    def consul_port(self):
        return self.base + 91

    @property
    def mariadb_port(self):
        return self.base + 99

    @property
    def url(self):
        return f"http://{HOST}:{self.nginx_port}"

    def config_file(self, k):
        return self.folder / f"node{k}" / "peercron.toml"

    @property
    def secret(self):
        return json.loads((self.folder / "cluster.json").read_text())["cluster_secret"]

    # The API; through nginx unless a node is named.

    def call(self, method, target, form=None, node=None, body=None, headers=None):
        port = self.nginx_port if node is None else self.http_port(node)
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return request(port, method, target, body, headers)

    def api(self, target, node=None, **form):
        """The data of a call that succeeds: a POST when it has parameters, else a GET."""
        answer = self.call("POST" if form else "GET", target, form or None, node)
        assert answer.status == 200, f"{target} {form}: {answer}"
        envelope = answer.json
        assert (envelope["code"], envelope["message"]) == (200, "ok"), answer
        return envelope["data"]

    def add(self, command, cron_set=EACH_SECOND, node=None, **more):
        """Adds a job; its id."""
        return self.api("/cron/add", node, cronSet=cron_set, command=command, **more)["id"]

    def add_once(self, command, second, **more):
        """Adds a job that fires at this Unix second and never again."""
        return self.add(command, start_time=second, end_time=second + 1, **more)

    def delete_all_jobs(self):
        for job in reversed(self.api("/cron/list")):  # children before their parents
            self.api(f"/cron/delete/{job['id']}")

    def node_list(self, node=None):
        return self.api("/node/list", node)

    def dispatcher(self):
        """The name of the node that dispatches, by the lock key; '' when there is none."""
        entry = self.consul("kv/peercron/dispatcher")
        if not entry or not entry[0].get("Session"):
            return ""
        return json.loads(base64.b64decode(entry[0]["Value"]))["node"]

    # Consul.

    def consul(self, path):
        """The answer to GET /v1/<path>, None for 404."""
        answer = request(self.consul_port, "GET", f"/v1/{path}")
        if answer.status == 404:
            return None
        assert answer.status == 200, answer
        return answer.json

    # The database.

    def sql(self, statement, seconds=60):
        """Runs a statement; its rows as dictionaries of texts, None for NULL."""
        done = subprocess.run(
            ["mariadb", f"--defaults-file={self.folder}/my.cnf", "--batch", "--execute", statement],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, f"{statement}: {done.stderr}"
        lines = done.stdout.split("\n")[:-1]
        if not lines:
            return []
        names = lines[0].split("\t")
        return [dict(zip(names, map(plain, line.split("\t")))) for line in lines[1:]]

    def ledger(self, jobs):
        """The rows of these jobs in order of their time."""
        ids = ",".join(map(str, jobs))
        rows = self.sql("SELECT cron_id, scheduled_at, attempt, state, reason, exit_code, term_signal, started_at,"
                        " ended_at, use_time, dispatch_server, run_server, epoch, fires, output_bytes, output"
                        f" FROM log WHERE cron_id IN ({ids}) ORDER BY scheduled_at, cron_id, attempt")
        text = {"state", "reason", "dispatch_server", "run_server", "output"}
        return [types.SimpleNamespace(**{name: value if name in text or value is None else int(value)
                                         for name, value in row.items()}) for row in rows]

    def wait_final(self, jobs, seconds=60):
        """The rows of these jobs when all of them that there are have ended."""
        rows = []

        def all_final():
            rows[:] = self.ledger(jobs)
            return all(row.state in FINAL for row in rows)

        wait_until(all_final, seconds,
                   lambda: f"all rows final, but not {[row for row in rows if row.state not in FINAL][:5]}")
        return rows

    def stop_jobs(self, jobs):
        for job in jobs:
            self.api(f"/cron/stop/{job}")


class Solo(Cluster):
    """One node that is alone, with its database in a file: all there is to a cluster, in one."""

    secret = "there is no secret"

    def __init__(self, folder, port, options=(), wrapper=(), pass_fds=()):
        super().__init__(folder, port, nodes=1)
        self.process = None
        self.options = options
        self.wrapper = wrapper
        self.pass_fds = pass_fds

    def name(self, k):
        return f"{HOST}:{self.base}"

    def http_port(self, k):
        return self.base

    nginx_port = property(lambda self: self.base)

    def arguments(self, data=None, port=None):
        return [*self.wrapper, str(BINARY), "serve", "--data", str(data or self.folder / "data"),
                "--set", f"http_bind_address={HOST}:{port or self.base}",
                # The tests call without tokens, and many nodes of one user run at a time.
                "--set", "http.anonymous=owner", "--set", "http.socket=none", *self.options]

    def start(self):
        (self.folder / "logs").mkdir(exist_ok=True)
        with (self.folder / "logs" / "node.log").open("ab") as log:
            self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, pass_fds=self.pass_fds)
        self.wait_ready()

    def wait_ready(self):
        def answers():
            assert self.process.poll() is None, self.log("node")[-2000:]
            with contextlib.suppress(OSError):
                return request(self.base, "GET", "/health").json["data"]["is_dispatcher"]

        wait_until(answers, 20, lambda: f"the node dispatches: {self.log('node')[-2000:]}")

    def pids(self):
        """The warden's and the node's."""
        warden = self.process.pid
        children = pathlib.Path(f"/proc/{warden}/task/{warden}/children").read_text().split()
        return warden, int(children[0])

    def kill(self, pid):
        """Kills one of the two processes with SIGKILL, and waits until both are gone."""
        warden, node = self.pids()
        os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=30)
        wait_until(lambda: not pathlib.Path(f"/proc/{node}").exists(), 30, "the node is gone")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def dispatcher(self):
        return self.api("/node/list")["dispatcher"]

    def sql(self, statement, seconds=30):
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "peercron.db", timeout=seconds)) as database:
            database.row_factory = sqlite3.Row
            rows = database.execute(statement).fetchall()
            database.commit()
        return [{key: None if row[key] is None else str(row[key]) for key in row.keys()} for row in rows]


@contextlib.contextmanager
def running_solo(options=(), wrapper=(), pass_fds=()):
    """A node that is alone, with these further options of `serve`, started by a program that becomes it, with these
    descriptors; gone afterwards."""
    with free_base_port() as port:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="s", dir=WORK))
        node = Solo(folder, port, options, wrapper, pass_fds)
        try:
            node.start()
            yield node
        except BaseException:
            node.keep_logs("setup-" + folder.name)
            raise
        finally:
            node.stop()
            shutil.rmtree(folder, ignore_errors=True)


def plain(field):
    """A field of `mariadb --batch` without its escapes."""
    if field == "NULL":
        return None
    if "\\" not in field:
        return field
    escaped = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
    letters = iter(field)
    return "".join(escaped[next(letters)] if letter == "\\" else letter for letter in letters)


class Witness:
    """A file into which commands write that they run: what truly happened, whatever the rows say."""

    def __init__(self, cluster):
        self.file = cluster.witness_file()
        self.file.touch()

    @property
    def command(self):
        return ('echo "$PEERCRON_JOB_ID $PEERCRON_SCHEDULED_AT_MS $PEERCRON_ATTEMPT $PEERCRON_NODE $$"'
                f" >> {self.file}")

    def runs(self):
        """(job, scheduled time) of each run, as often as it ran."""
        return [tuple(map(int, line.split()[:2])) for line in self.file.read_text().splitlines()]


class PartWitness:
    """A file into which each run of a fire writes which part it is, of how many, and where it is."""

    def __init__(self, cluster):
        self.file = cluster.witness_file()
        self.file.touch()

    @property
    def command(self):
        return f'echo "$PEERCRON_SHARD $PEERCRON_SHARDS $PEERCRON_ATTEMPT $PEERCRON_NODE" >> {self.file}'

    def runs(self):
        """How often there was which (part, parts, attempt, node)."""
        lines = [line.split() for line in self.file.read_text().splitlines()]
        return collections.Counter((*map(int, numbers), node) for *numbers, node in lines)


def assert_each_fire_once(rows, jobs, expected):
    """For every job exactly one row for each of the expected moments, and none twice anywhere."""
    for job in jobs:
        moments = [row.scheduled_at for row in rows if row.cron_id == job]
        doubled = sorted({moment for moment in moments if moments.count(moment) > 1})
        assert not doubled, f"job {job} has several rows for {doubled}"
        missing = sorted(set(expected) - set(moments))
        assert not missing, f"job {job} has no row for {missing}; it has {moments}"
    gaps = [row for row in rows if row.fires != 1]
    assert not gaps, f"rows for more than one fire: {gaps}"


def assert_witnessed(rows, witness, may_lack_success=frozenset()):
    """No fire ran twice, each success was seen, and only runs whose row says that they started."""
    seen = witness.runs()
    twice = sorted({run for run in seen if seen.count(run) > 1})
    assert not twice, f"ran more than once: {twice}"
    states = {(row.cron_id, row.scheduled_at): row.state for row in rows}
    unseen = [run for run, state in states.items() if state == "success" and run not in set(seen)]
    assert not unseen, f"no command ran, though the row says success: {unseen}"
    allowed = {"success"} | may_lack_success
    false = [(run, states.get(run)) for run in seen if states.get(run) not in allowed]
    assert not false, f"a command ran, but its row says otherwise: {false}"
