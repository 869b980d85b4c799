"""MariaDB, Consul and the nodes, each on a host of its own, configured as people do beyond loopback: a
secret between the nodes, a token for the API.
"""
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse

import jobs
import network
import notice_witness
from notice_judge import CLUSTER_AFTER
from processes import Program, is_alive, send, stat_of, wait_for
from sandbox import Failure, call

ROOT = pathlib.Path(__file__).resolve().parents[2]
HTTP, PEER, MYSQL, CONSUL = 9990, 9991, 3306, 8500
CHANNEL = "witness"  # where notices go
DRAIN = 10  # seconds; drain_timeout of the nodes
STOP_LIMIT = DRAIN + 20  # a node that was told to stop has ended by then


def find_program(*names):
    for name in names:
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if found:
            return found
    raise Failure(f"{names[0]} is not installed; bin/setup installs it")


def find_consul():
    program = os.environ.get("PEERCRON_CONSUL") or shutil.which("consul") or str(ROOT / "build/tools/consul")
    if not os.access(program, os.X_OK):
        raise Failure(f"{program} is not a program; bin/setup gets a Consul")
    return program


def addresses(nodes, consuls):
    """Host name → address."""
    return {"mariadb": "10.77.0.2", "witness": "10.77.0.9",
            **{f"consul{k}": f"10.77.0.{2 + k}" for k in range(1, consuls + 1)},
            **{f"node{k}": f"10.77.0.{10 + k}" for k in range(1, nodes + 1)}}


class Unreached(Exception):
    """A call that nobody has received."""


class NamespaceConnection(http.client.HTTPConnection):
    def __init__(self, host, port, seconds):
        super().__init__("127.0.0.1", port, timeout=seconds)
        self.namespace = host.namespace

    def connect(self):
        self.sock = network.open_socket(self.namespace, (self.host, self.port), self.timeout)


def call_http(host, port, method, target, form=None, headers=None, seconds=10):
    """(status, body) of a call from the host to itself. Unreached: there was no connection; other
    errors say nothing about what has happened."""
    connection = NamespaceConnection(host, port, seconds)
    try:
        try:
            connection.connect()
        except OSError as error:
            raise Unreached(str(error)) from None
        body = urllib.parse.urlencode(form) if form is not None else None
        headers = {**({"Content-Type": "application/x-www-form-urlencoded"} if body else {}), **(headers or {})}
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class MariaDb(Program):
    def prepare(self):
        self.data = self.folder / "data"
        temporary = self.folder / "tmp"
        temporary.mkdir(parents=True)
        made = subprocess.run(
            [find_program("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}", "--user=root",
             f"--tmpdir={temporary}", "--auth-root-authentication-method=socket", "--skip-test-db",
             "--skip-name-resolve"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        if made.returncode != 0:
            raise Failure(f"mariadb-install-db failed:\n{made.stdout}")
        self.password = secrets.token_hex(16)
        (self.folder / "init.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS cron CHARACTER SET utf8mb4;\n"
            f"CREATE OR REPLACE USER cron@'%' IDENTIFIED BY '{self.password}';\n"
            "GRANT ALL ON cron.* TO cron@'%';\n")

    def begin(self):
        self.start([
            find_program("mariadbd"), "--no-defaults", f"--datadir={self.data}", "--user=root",
            f"--tmpdir={self.folder}/tmp", "--bind-address=0.0.0.0", f"--port={MYSQL}",
            f"--socket={self.socket}", f"--pid-file={self.folder}/pid", f"--init-file={self.folder}/init.sql",
            "--skip-name-resolve", "--character-set-server=utf8mb4", "--max-connections=500",
            "--max-allowed-packet=64M", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2"])

    @property
    def socket(self):
        return self.folder / "sock"

    def answers(self):
        return self.query("SELECT 1 FROM mysql.user WHERE user = 'cron'", database="mysql") is not None

    def query(self, statement, database="cron"):
        """Rows as `mariadb --batch` prints them, or None."""
        done = subprocess.run(
            [find_program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root",
             "--connect-timeout=2", "--default-character-set=utf8mb4", "--batch", "--execute", statement, database],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None


class Consul(Program):
    def prepare(self, number, all_addresses):
        self.folder.mkdir(parents=True)
        text = subprocess.run([find_consul(), "version"], check=True, capture_output=True, text=True).stdout
        version = tuple(int(part) for part in re.search(r"v(\d+)\.(\d+)", text).groups())
        ports = {"http": CONSUL, "serf_wan": -1, "dns": -1, "grpc": -1, "https": -1}
        if version >= (1, 14):
            ports["grpc_tls"] = -1
        (self.folder / "consul.json").write_text(json.dumps({
            "server": True, "bootstrap_expect": len(all_addresses), "node_name": f"consul{number}",
            "bind_addr": self.host.address, "client_addr": "0.0.0.0", "data_dir": str(self.folder / "data"),
            "retry_join": [address for address in all_addresses if address != self.host.address],
            "retry_interval": "1s", "ports": ports, "disable_update_check": True,
            "performance": {"raft_multiplier": 1}}, indent=2) + "\n")

    def begin(self):
        self.start([find_consul(), "agent", f"-config-file={self.folder}/consul.json"])

    def answers(self):
        try:
            status, body = call_http(self.host, CONSUL, "GET", "/v1/status/leader", seconds=2)
            return status == 200 and json.loads(body) not in ("", None)
        except (OSError, Unreached, ValueError, http.client.HTTPException):
            return False


class Node(Program):
    """A node as systemd would run it: who ends by itself is started again."""

    def __init__(self, number, *rest):
        super().__init__(*rest)
        self.number = number
        self.wanted = False  # it is to run; whoever ends it on purpose says so first
        self.link, self.disk = threading.Lock(), threading.Lock()  # by the fault that makes it a bad one
        self.child = None

    @property
    def peer(self):
        """Its name in the cluster."""
        return f"{self.host.address}:{PEER}"

    def prepare(self, binary, consul, mariadb, secret, token):
        self.state = self.folder / "state"  # a disk of its own, which a fault can fill
        self.state.mkdir(parents=True)
        call("mount", b"tmpfs", bytes(self.state), b"tmpfs", 0, b"size=16m,mode=700")
        self.binary = binary
        for name, text in (("mysql.password", mariadb.password), ("cluster.secret", secret), ("token", token)):
            path = self.folder / name
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(text + "\n")
        (self.folder / "peercron.toml").write_text(f"""mode = "cluster"
data_dir = "{self.state}"
consul_address = "{consul.host.address}:{CONSUL}"
lock_key = "torture/dispatcher"
bind_address = "{self.peer}"
http_bind_address = "0.0.0.0:{HTTP}"
mysql_host = "{mariadb.host.address}"
mysql_user = "cron"
mysql_database = "cron"
[mysql]
password_file = "mysql.password"
[cluster]
secret_file = "cluster.secret"
[notify]
cluster_after = "{CLUSTER_AFTER}s"
cluster_channels = ["{CHANNEL}"]
[exec]
drain_timeout = "{DRAIN}s"
[node]
labels = ["{jobs.side_of(self.peer)}"]
[[http.tokens]]
name = "torture"
token_file = "token"
role = "owner"
""")
        self.headers = {"Authorization": f"Bearer {token}"}

    def begin(self):
        self.child = None
        self.wanted = True
        self.start([self.binary, "serve", "--config", self.folder / "peercron.toml"])

    def node_process(self):
        """(pid, start time) of the node under its warden, or None."""
        if self.child is not None and is_alive(*self.child):
            return self.child
        self.child = None
        for member in self.family()[1:]:
            try:
                same = os.path.samestat(os.stat(f"/proc/{member[0]}/exe"), os.stat(self.binary))
            except OSError:
                continue
            stat = stat_of(member[0])
            if same and stat is not None and stat["parent"] == self.pid:
                self.child = member
                break
        return self.child

    def signal_node(self, number):
        process = self.node_process()
        return process is not None and send(*process, number)

    def call(self, method, target, form=None, seconds=10):
        """(status, envelope)."""
        status, body = call_http(self.host, HTTP, method, target, form, self.headers, seconds)
        try:
            return status, json.loads(body)
        except ValueError:
            return status, {"message": body[:200].decode(errors="replace"), "data": None}

    def ask(self, *arguments, seconds=60):
        """What `peercron ARGUMENTS` at this node says to who works here: (status, standard output, standard error);
        status None when it does not end."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PEERCRON_")}
        try:
            done = subprocess.run(
                self.host.command([self.binary, *arguments, "--url", f"http://127.0.0.1:{HTTP}", "--token-file",
                                   self.folder / "token"]),
                env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                pass_fds=(self.host.namespace,))
        except subprocess.TimeoutExpired:
            return None, "", f"had not ended after {seconds} s"
        return done.returncode, done.stdout, done.stderr

    def health(self, seconds=0.7):
        """What GET /health says, or None."""
        if not self.runs():
            return None
        try:
            status, envelope = self.call("GET", "/health", seconds=seconds)
            return envelope["data"] if status == 200 else None
        except (OSError, Unreached, ValueError, http.client.HTTPException):
            return None


class Cluster:
    """Everything that runs. `events` gets what happens: dictionaries with "what" and "at" (nanoseconds
    since 1970)."""

    def __init__(self, folder, work, nodes, consuls, binary, events):
        self.folder = folder
        self.events = events
        self.network = network.Network(addresses(nodes, consuls))
        hosts = self.network.hosts
        logs = folder / "logs"
        logs.mkdir()

        def parts(name):
            return name, hosts[name], work / name, logs / f"{name}.log"

        self.mariadb = MariaDb(*parts("mariadb"))
        self.consuls = [Consul(*parts(f"consul{k}")) for k in range(1, consuls + 1)]
        self.nodes = [Node(k, *parts(f"node{k}")) for k in range(1, nodes + 1)]
        self.notice_witness = notice_witness.NoticeWitness(hosts["witness"], folder)
        self.mariadb.prepare()
        for k, consul in enumerate(self.consuls, 1):
            consul.prepare(k, [other.host.address for other in self.consuls])
        secret, self.token = secrets.token_hex(32), secrets.token_hex(16)
        for node in self.nodes:
            consul = self.consuls[(node.number - 1) % consuls]
            node.prepare(binary, consul, self.mariadb, secret, self.token)
        self.noting, self.noted = threading.Lock(), {}
        self.dispatcher = None  # the last node that said so
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.attend, self.watch)]

    def note(self, what, **more):
        event = {"what": what, "at": time.time_ns(), **more}
        self.events.append(event)
        return event

    def start(self):
        for server in (self.mariadb, *self.consuls):
            server.begin()
        for server in (self.mariadb, *self.consuls):
            if not wait_for(server.answers, 60):
                raise Failure(f"{server.name} does not come up; see {server.log}")
        for node in self.nodes:
            self.begin_node(node)
        if not wait_for(lambda: self.is_whole() or not all(node.runs() for node in self.nodes), 60) \
                or not self.is_whole():
            raise Failure(f"the cluster does not come up ({self.what_is_missing()}); see {self.folder}/logs")
        status, answer = self.nodes[0].call("POST", "/channel/add", {"name": CHANNEL, "kind": "webhook",
                                                                     "url": self.notice_witness.url})
        if status != 200:
            raise Failure(f"cannot add a channel: {status} {answer}")
        for thread in self.threads:
            thread.start()

    def begin_node(self, node):
        self.note_end(node)
        node.begin()
        self.note("node began", node=node.peer, pid=node.pid)

    def note_end(self, node):
        """Whether the node has ended; noted once."""
        if node.process is None or node.runs():
            return False
        with self.noting:
            is_new = self.noted.get(node.number) != node.pid
            self.noted[node.number] = node.pid
        if is_new:
            self.note("node ended", node=node.peer, pid=node.pid, status=node.process.returncode, wanted=node.wanted)
        return True

    def attend(self):
        """Starts nodes that have ended by themselves, as a service manager does."""
        while not self.stopping.wait(0.1):
            for node in self.nodes:
                if not self.note_end(node) or not node.held.acquire(blocking=False):
                    continue
                try:
                    if node.wanted and not node.runs():
                        print(f"          {node.name} ended by itself, status {node.process.returncode}", flush=True)
                        time.sleep(1)
                        self.begin_node(node)
                finally:
                    node.held.release()

    def watch(self):
        """Notes who dispatches."""
        while not self.stopping.wait(0.2):
            found = [(health["epoch"], node) for node in self.nodes
                     if (health := node.health(0.3)) and health["is_dispatcher"]]
            if not found:
                continue
            newest = max(found, key=lambda pair: pair[0])
            if newest[1] is not self.dispatcher:
                self.dispatcher = newest[1]
                self.note("dispatcher", node=newest[1].peer, epoch=newest[0])

    def what_is_missing(self):
        """In words; "" when every node runs and is connected to the one dispatcher."""
        dispatchers = set()
        for node in self.nodes:
            if not node.runs():
                return f"{node.name} does not run"
            try:
                status, envelope = node.call("GET", "/node/list", seconds=3)
            except (OSError, Unreached, http.client.HTTPException) as error:
                return f"{node.name} does not answer: {error}"
            state = envelope["data"]
            if status != 200 or not state["dispatcher"]:
                return f"{node.name} sees no dispatcher"
            dispatchers.add(state["dispatcher"])
            ready = [other for other in state["nodes"] if other["passing"] and other["connected"]]
            if len(ready) != len(self.nodes):
                return f"{node.name} sees {len(ready)} of {len(self.nodes)} nodes connected"
            health = node.health(2)
            if not health or health["store"] != "ok":
                return f"{node.name} has no store"
        return "" if len(dispatchers) == 1 else "the nodes do not agree on the dispatcher"

    def is_whole(self):
        return not self.what_is_missing()

    def policies(self, names):
        """Those of the names that this program's API knows as parameters of a job."""
        status, document = self.nodes[0].call("GET", "/openapi.json")
        if status != 200:
            raise Failure(f"GET /openapi.json: {status}")
        schemas = document["components"]["schemas"]
        known = set(schemas["JobFields"]["properties"])
        for part in schemas["NewJob"]["allOf"]:
            known.update(part.get("properties", ()))
        return [name for name in names if name in known]

    def stop(self):
        """Ends the nodes in good order. Their names that did not end in time."""
        for node in self.nodes:
            node.wanted = False
            node.signal_family(signal.SIGCONT)
            node.signal(signal.SIGTERM)
        stuck = [node.name for node in self.nodes if node.process and not node.wait(STOP_LIMIT)]
        self.notice_witness.stop()
        return stuck
