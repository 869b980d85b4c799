"""Who may call a node: users of its machine by its socket, accounts, tokens, sessions; at real nodes, as people and
programs do it."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from harness import BINARY, HOST, free_base_port, running_cluster, running_solo, wait_until
from test_https import https_node

NOBODY = 65534
PASSWORD = "correct horse battery"


def call(node, verb, path, fields=None, headers=None, port=None):
    """Status, data or message, and the header."""
    connection = http.client.HTTPConnection(HOST, port or node.base, timeout=30)
    with contextlib.closing(connection):
        body = None if fields is None else json.dumps(fields)
        connection.request(verb, path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        found = json.loads(answer.read())
        return answer.status, found["data"] if answer.status == 200 else found["message"], answer.headers


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def open_folder():
    """A folder that every user may pass; those of pytest's own are in one that only this user may."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def guarded(open_folder):
    """A node as it is by default, but that its socket is in a folder of the test."""
    path = open_folder / "peercron.sock"
    with running_solo(["--set", "http.anonymous=read", "--set", f"http.socket={path}"]) as node:
        node.socket = str(path)
        yield node


def peercron(node, *arguments, user=None, given=""):
    environment = {"PATH": os.environ["PATH"], "PEERCRON_URL": f"unix:{node.socket}"}
    return subprocess.run([BINARY, *arguments], input=given, capture_output=True, text=True, timeout=60,
                          env=environment, user=user, group=user, extra_groups=[] if user else None)


def done(node, *arguments, **more):
    result = peercron(node, *arguments, **more)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_nodes_own_users_are_known_by_the_socket(guarded, tmp_path):
    said = subprocess.run(["curl", "-sS", "--fail", "--unix-socket", guarded.socket, "http://localhost/access/me"],
                          capture_output=True, text=True, timeout=20)
    assert said.returncode == 0, said.stderr
    me = json.loads(said.stdout)["data"]
    assert (me["proof"], me["role"]) == ("local_user", "owner"), me
    jobs = tmp_path / "jobs.toml"
    jobs.write_text('[job.applied]\nevery = "1h"\ncommand = "true"\n')
    done(guarded, "apply", str(jobs))


def test_without_tokens_only_the_nodes_own_users_change_something(guarded):
    status, message, _ = call(guarded, "POST", "/cron/add", {"cronSet": "@daily", "command": "id"})
    assert status == 401 and "socket" in message
    assert call(guarded, "POST", "/account/add", {"name": "evil", "password": "12345678", "role": "owner"})[0] == 401
    assert call(guarded, "GET", "/cron/list")[0] == 200, "reading is free"
    done(guarded, "job", "add", "--name", "mine", "--every", "1h", "--", "true")
    [job] = call(guarded, "GET", "/cron/list")[1]
    history = call(guarded, "GET", f"/cron/{job['id']}/history")[1]["list"]
    assert history[0]["from"] == "local" and history[0]["who"] == ("root" if os.geteuid() == 0 else history[0]["who"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_of_the_machine_gets_no_more_by_the_socket_than_over_tcp(guarded):
    refused = peercron(guarded, "job", "add", "--every", "1h", "--", "id", user=NOBODY)
    assert refused.returncode != 0 and "local_admins" in refused.stderr
    assert json.loads(done(guarded, "job", "list", "--json", user=NOBODY)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_local_admins_are_owners(open_folder):
    path = open_folder / "peercron.sock"
    options = ["--set", "http.anonymous=none", "--set", f"http.socket={path}", "--set", "http.local_admins=nobody"]
    with running_solo(options) as node:
        node.socket = str(path)
        assert call(node, "GET", "/cron/list")[0] == 401
        done(node, "job", "add", "--name", "theirs", "--every", "1h", "--", "true", user=NOBODY)
        assert "theirs" in done(node, "job", "list")
        refused = peercron(node, "job", "list", user=NOBODY - 1)
        assert refused.returncode != 0


def test_accounts_and_tokens_are_made_at_the_socket_and_close_the_node(guarded):
    done(guarded, "account", "add", "ops", "--role", "owner", given=PASSWORD + "\n")
    wait_until(lambda: call(guarded, "GET", "/cron/list")[0] == 401, 30, "nobody is anonymous")

    for name, tag in (("web", "web"), ("db", "db")):
        done(guarded, "job", "add", "--name", name, "--tags", tag, "--every", "1h", "--", "true")
    token = done(guarded, "token", "add", "deploy", "--role", "operate", "--tags", "web", "--expires", "90d").strip()
    assert token.startswith("pcr_") and token not in done(guarded, "token", "list")
    jobs = call(guarded, "GET", "/cron/list", headers=bearer(token))[1]
    assert [job["name"] for job in jobs] == ["web"]
    everything = guarded.sql("SELECT * FROM token")
    assert token not in json.dumps(everything) and everything[0]["used_at"] is not None

    status, _, headers = call(guarded, "POST", "/session/sign-in", {"name": "ops", "password": PASSWORD})
    assert status == 200
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    assert call(guarded, "GET", "/access/me", headers=cookie)[1]["role"] == "owner"
    assert call(guarded, "POST", "/cron/run/1", {}, cookie)[0] == 403, "the browser does not say from where"
    origin = {"Origin": f"http://127.0.0.1:{guarded.base}"}
    assert call(guarded, "POST", "/session/sign-out", {}, {**cookie, **origin})[0] == 200
    assert call(guarded, "GET", "/access/me", headers=cookie)[0] == 401

    done(guarded, "token", "delete", "deploy")
    assert call(guarded, "GET", "/cron/list", headers=bearer(token))[0] == 401
    assert "token deleted" in done(guarded, "account", "events")


def test_a_stream_ends_with_its_token(guarded):
    done(guarded, "account", "add", "ops", "--role", "owner", given=PASSWORD + "\n")
    token = done(guarded, "token", "add", "watcher").strip()
    connection = http.client.HTTPConnection("127.0.0.1", guarded.base, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/events", headers=bearer(token))
        answer = connection.getresponse()
        assert answer.status == 200
        done(guarded, "token", "delete", "watcher")
        answer.read()  # until its end


def test_sessions_outlive_a_restart_and_tokens_of_the_file_come_and_go_by_sighup(tmp_path):
    file = tmp_path / "peercron.toml"
    path = tmp_path / "peercron.sock"
    file.write_text("")
    options = ["--config", str(file), "--set", f"http.socket={path}", "--set", "http.anonymous=none"]
    with running_solo(options) as node:
        node.socket = str(path)
        done(node, "account", "add", "ada", "--role", "read", given=PASSWORD + "\n")
        headers = call(node, "POST", "/session/sign-in", {"name": "ada", "password": PASSWORD})[2]
        cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        node.stop()
        assert not path.exists()
        node.start()
        assert call(node, "GET", "/access/me", headers=cookie)[1]["name"] == "ada"

        secret = "a-token-of-the-file"
        assert call(node, "GET", "/access/me", headers=bearer(secret))[0] == 401
        file.write_text(f'[[http.tokens]]\nname = "file"\ntoken = "{secret}"\nrole = "admin"\n')
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: call(node, "GET", "/access/me", headers=bearer(secret))[0] == 200, 30, "the token is known")
        file.write_text("")
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: call(node, "GET", "/access/me", headers=bearer(secret))[0] == 401, 30, "it is not any more")


def test_the_socket_of_a_killed_node_is_replaced_and_that_of_a_living_one_is_not(guarded, tmp_path):
    warden, _ = guarded.pids()
    guarded.kill(warden)
    assert os.path.exists(guarded.socket)
    guarded.start()
    done(guarded, "status")
    started = subprocess.run(
        [BINARY, "serve", "--data", tmp_path / "other", "--set", f"http_bind_address={HOST}:{guarded.base + 50}",
         "--set", f"http.socket={guarded.socket}"], capture_output=True, text=True, timeout=60)
    assert started.returncode == 1 and "another program listens there already" in started.stdout + started.stderr
    done(guarded, "status")


def test_guesses_of_passwords_hold_up_no_other_calls(guarded):
    done(guarded, "account", "add", "ops", "--role", "owner", given=PASSWORD + "\n")
    token = done(guarded, "token", "add", "ops").strip()
    statuses = []
    for i in range(8):
        statuses.append(call(guarded, "POST", "/session/sign-in", {"name": "ops", "password": f"wrong {i:08}"})[0])
        assert call(guarded, "GET", "/access/me", headers=bearer(token))[0] == 200
    assert statuses[:3] == [401] * 3 and 429 in statuses


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")
def test_a_node_that_nobody_configured_obeys_its_user_alone(open_folder):
    os.chown(open_folder, NOBODY, NOBODY)
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(open_folder)}
    path = open_folder / "peercron" / "peercron.sock"

    def run(user, *arguments):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60, env=environment, user=user,
                              group=user, extra_groups=[])

    with free_base_port() as port:
        node = subprocess.Popen([BINARY, "serve", "--data", open_folder / "data", "--set", f"http_bind_address={HOST}:{port}"],
                                env=environment, user=NOBODY, group=NOBODY, extra_groups=[], stdin=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: run(NOBODY, "job", "add", "--name", "own", "--every", "1h", "--", "true").returncode == 0, 30,
                       "its user's command finds the node by its socket")
            assert path.is_socket()
            refused = run(NOBODY - 1, "job", "add", "--every", "1h", "--", "id")
            assert refused.returncode != 0 and "socket" in refused.stderr, refused
            assert run(0, "job", "delete", "own", "--url", f"unix:{path}").returncode == 0, "root"
        finally:
            node.terminate()
            node.wait(timeout=60)


def test_over_https_the_cookie_of_a_session_is_bound_to_it(tmp_path):
    path = tmp_path / "peercron.sock"
    with https_node(("--set", "http.anonymous=none", "--set", f"http.socket={path}")) as node:
        node.start()
        node.socket = str(path)
        done(node, "account", "add", "ada", "--role", "read", given=PASSWORD + "\n")  # plain: nobody is between
        connection = http.client.HTTPSConnection(HOST, node.base, timeout=30, context=node.context())
        with contextlib.closing(connection):
            fields = json.dumps({"name": "ada", "password": PASSWORD})
            connection.request("POST", "/session/sign-in", fields, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            cookie = answer.headers["Set-Cookie"]
            answer.read()
            assert cookie.startswith("__Host-peercron=") and "; Secure" in cookie and "HttpOnly" in cookie, cookie
            connection.request("GET", "/access/me", headers={"Cookie": cookie.split(";")[0]})
            assert json.loads(connection.getresponse().read())["data"]["name"] == "ada"


@pytest.fixture(scope="module")
def guarded_cluster():
    """Three nodes as they are by default, but for the places of their sockets."""
    with running_cluster() as cluster:
        for k in cluster.nodes:
            config = cluster.config_file(k)
            config.write_text(config.read_text().replace('anonymous = "owner"\n', ""))
            cluster.run("stop-node", str(k))
            cluster.run("start-node", str(k))
        cluster.wait_ready()
        yield cluster


class At:
    """A node of a cluster, for peercron() and call()."""

    def __init__(self, cluster, k):
        self.base = cluster.http_port(k)
        self.socket = str(cluster.folder / f"node{k}" / "peercron.sock")


def test_accounts_tokens_and_sessions_are_those_of_the_whole_cluster(guarded_cluster):
    cluster = guarded_cluster
    one, two, three = (At(cluster, k) for k in cluster.nodes)
    assert call(two, "GET", "/cron/list")[0] == 200
    assert call(two, "POST", "/cron/add", {"cronSet": "@daily", "command": "id"})[0] == 401
    done(one, "account", "add", "ops", "--role", "owner", given=PASSWORD + "\n")
    for node in (one, two, three):
        wait_until(lambda: call(node, "GET", "/cron/list")[0] == 401, 30, "nobody is anonymous")
    done(three, "job", "add", "--name", "web", "--tags", "web", "--every", "1h", "--", "echo", "hello")
    done(three, "job", "add", "--name", "db", "--tags", "db", "--every", "1h", "--", "true")
    token = done(one, "token", "add", "deploy", "--role", "operate", "--tags", "web").strip()

    # Whichever node is asked, and whichever runs it.
    for node in (one, two, three):
        status, jobs, _ = call(node, "GET", "/cron/list", headers=bearer(token))
        assert status == 200 and [job["name"] for job in jobs] == ["web"]
        assert call(node, "POST", f"/cron/run/{jobs[0]['id']}", {}, bearer(token))[0] == 200
    [db] = [job["id"] for job in json.loads(done(one, "job", "list", "--json")) if job["name"] == "db"]
    for node in (one, two, three):
        assert call(node, "POST", f"/cron/run/{db}", {}, bearer(token))[0] == 404
        assert call(node, "POST", "/cron/add", {"cronSet": "@daily", "command": "id", "tags": "web"}, bearer(token))[0] == 403
    assert {row["requested_by"] for row in cluster.sql("SELECT requested_by FROM log")} <= {f"deploy at {HOST}", None, ""}

    headers = call(two, "POST", "/session/sign-in", {"name": "ops", "password": PASSWORD})[2]
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    for node in (one, two, three):
        assert call(node, "GET", "/access/me", headers=cookie)[1]["role"] == "owner"
    origin = {"Origin": f"http://{HOST}:{three.base}"}
    assert call(three, "POST", "/session/sign-out", {}, {**cookie, **origin})[0] == 200
    done(two, "token", "delete", "deploy")
    for node in (one, two, three):
        wait_until(lambda: call(node, "GET", "/access/me", headers=cookie)[0] == 401, 30, "the session is over")
        wait_until(lambda: call(node, "GET", "/access/me", headers=bearer(token))[0] == 401, 30, "the token is unknown")


def test_while_the_database_is_away_the_socket_and_the_tokens_of_the_file_still_open_a_node(guarded_cluster):
    cluster = guarded_cluster
    node = At(cluster, 2)
    secret = "a-token-of-the-file"
    config = cluster.config_file(2)
    config.write_text(config.read_text() + f'\n[[http.tokens]]\nname = "file"\ntoken = "{secret}"\nrole = "read"\n')
    cluster.run("stop-node", "2")
    cluster.run("start-node", "2")
    cluster.wait_ready()
    token = done(node, "token", "add", "late").strip()
    cluster.run("pause-server", "mariadb")
    try:
        assert call(node, "GET", "/access/me", headers=bearer(secret))[0] == 200
        assert call(node, "GET", "/access/me", headers=bearer(token))[0] == 503
        done(node, "node", "list")
        # Nobody becomes anonymous by that.
        assert call(node, "GET", "/node/list")[0] == 401
    finally:
        cluster.run("resume-server", "mariadb")
    wait_until(lambda: call(node, "GET", "/access/me", headers=bearer(token))[0] == 200, 60, "the token is known again")
