"""A node that starts while MariaDB or Consul is away says so, keeps trying, and comes up when they do."""
import socket
import subprocess

import pytest

from harness import BINARY, let_pass, request, running_cluster, wait_until


@pytest.fixture(scope="module")
def lone_node():
    with running_cluster(nodes=1) as cluster:
        yield cluster


@pytest.fixture
def cluster(lone_node):
    yield lone_node
    lone_node.make_whole()
    lone_node.delete_all_jobs()


def new_lines(cluster, before):
    """What the node has logged since `before` characters; the only way in which it can say something."""
    return cluster.log("node1")[before:]


def fires(cluster):
    job = cluster.add("true")
    wait_until(lambda: any(row.state == "success" for row in cluster.ledger([job])), 30, "the job fires")


@pytest.mark.parametrize("server", ["mariadb", "consul"])
def test_a_node_waits_for_a_server_that_is_absent_at_start(cluster, server):
    cluster.run("stop-node", "1")
    cluster.run("stop-server", server)
    before = len(cluster.log("node1"))
    port = {"mariadb": cluster.mariadb_port, "consul": cluster.consul_port}[server]

    def complains():
        return any("warning" in line and str(port) in line for line in new_lines(cluster, before).splitlines())

    cluster.run("start-node", "1")
    wait_until(complains, 30, lambda: f"a warning that names port {port}: {new_lines(cluster, before)}")
    assert request(cluster.http_port(1), "GET", "/health").status == 200
    if server == "mariadb":
        refused = request(cluster.http_port(1), "GET", "/cron/list")
        assert (refused.status, refused.json["code"]) == (503, 503), refused
        let_pass(3)  # it tries a few times, and has nothing new to say

    cluster.run("start-server", server)
    cluster.wait_ready()
    fires(cluster)
    if server == "mariadb":
        told = [line.split("store: ", 1)[1] for line in new_lines(cluster, before).splitlines()
                if "store: not ready" in line or "store: ready" in line]
        assert told[-1] == "ready", told
        assert "check that the database runs" in told[0] and len(told) == len(set(told)), told


def test_a_node_that_waits_can_be_stopped(cluster):
    cluster.run("stop-node", "1")
    cluster.run("stop-server", "mariadb")
    cluster.run("stop-server", "consul")
    cluster.run("start-node", "1")
    assert request(cluster.http_port(1), "GET", "/health").status == 200
    cluster.run("stop-node", "1")


def test_a_node_waits_for_another_one_that_alters_the_tables_and_can_be_stopped_then(cluster):
    cluster.run("stop-node", "1")
    before = len(cluster.log("node1"))
    newest = int(cluster.sql("SELECT MAX(number) AS n FROM schema_migration")[0]["n"])
    cluster.sql(f"DELETE FROM schema_migration WHERE number = {newest}")  # it may be done again
    lock = "SELECT GET_LOCK(CONCAT('peercron.migrate.', MD5(DATABASE())), 10); DO SLEEP(600);"
    with subprocess.Popen(["mariadb", f"--defaults-file={cluster.folder}/my.cnf", "--unbuffered", "--skip-column-names",
                           "--execute", lock], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "1\n"

            def waits():
                return any("another node is altering the tables; waiting since" in line
                           for line in new_lines(cluster, before).splitlines())

            cluster.run("start-node", "1")
            wait_until(waits, 30, lambda: f"it says that it waits: {new_lines(cluster, before)}")
            cluster.run("stop-node", "1")
            assert "told to stop; the next start goes on with it" in new_lines(cluster, before)
            assert "not ready" not in new_lines(cluster, before)
            cluster.run("start-node", "1")
        finally:
            other.kill()
    # The server ends the lock's session when it notices that its client is gone.
    for row in cluster.sql("SELECT id FROM information_schema.processlist WHERE info LIKE 'DO SLEEP(600)%'"):
        cluster.sql(f"KILL {row['id']}")
    cluster.wait_ready()
    assert int(cluster.sql("SELECT MAX(number) AS n FROM schema_migration")[0]["n"]) == newest
    fires(cluster)


def test_a_node_waits_a_moment_for_its_port(cluster):
    """As after a crash, when the warden of its last process has it."""
    cluster.run("stop-node", "1")
    before = len(cluster.log("node1"))

    def told():
        return [line for line in new_lines(cluster, before).splitlines() if "may still have the port" in line]

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", cluster.peer_port(1)))
        other.listen()
        cluster.run("start-node", "1")
        wait_until(told, 30, lambda: f"a warning about the port: {new_lines(cluster, before)}")
        assert not cluster.status()["ready"]
    cluster.wait_ready()
    fires(cluster)
    assert len(told()) == 1, told()


def test_a_node_outlives_a_restart_of_both_servers(cluster):
    job = cluster.add("true")
    wait_until(lambda: cluster.ledger([job]), 30, "the job fires")
    for server in ("mariadb", "consul"):
        cluster.run("stop-server", server)
        cluster.run("start-server", server)
    cluster.wait_ready()
    newest = max(row.scheduled_at for row in cluster.ledger([job]))
    wait_until(lambda: any(row.state == "success" and row.scheduled_at > newest for row in cluster.ledger([job])),
               45, "the job fires again")


def test_a_wrong_configuration_stops_the_start_with_file_line_and_key(cluster):
    good = cluster.config_file(1).read_text()
    lines = good.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("mysql_port"))
    lines[line - 1] = "mysql_port = 70000"
    wrong = cluster.config_file(1).with_name("wrong.toml")
    wrong.write_text("\n".join([*lines, "", "[dispatch]", 'look_ahead = "2s"', ""]))
    done = subprocess.run([BINARY, "serve", "--config", wrong], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"wrong.toml:{line}:" in done.stderr and "'mysql_port'" in done.stderr and "70000" in done.stderr
    assert f"wrong.toml:{len(lines) + 3}:" in done.stderr and "'dispatch.look_ahead'" in done.stderr


@pytest.mark.parametrize("key", ["bind_address", "http_bind_address"])
def test_an_address_that_is_taken_stops_the_start_and_is_named(cluster, key):
    taken = f"127.0.0.1:{cluster.peer_port(1) if key == 'bind_address' else cluster.http_port(1)}"
    free = f"127.0.0.1:{cluster.base + 50}"
    text = cluster.config_file(1).read_text()
    other = "http_bind_address" if key == "bind_address" else "bind_address"
    lines = [f'{other} = "{free}"' if line.startswith(other) else line for line in text.splitlines()]
    config = cluster.config_file(1).with_name("taken.toml")
    # The node's socket is taken, too: this one has none.
    config.write_text("\n".join(lines).replace(f'socket = "{config.parent}/peercron.sock"', 'socket = "none"') + "\n")
    done = subprocess.run([BINARY, "serve", "--config", config], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert taken in done.stderr
    fires(cluster)


def test_migrate_says_that_the_database_is_up_to_date(cluster):
    done = subprocess.run([BINARY, "migrate", "--config", cluster.config_file(1)], capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stdout) == (0, "the database is up to date\n"), done
