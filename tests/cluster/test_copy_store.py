"""From one machine to many: peercron copy-store, and the cluster that goes on where the lone node stopped."""
import re
import signal
import subprocess

import pytest

from harness import (BINARY, Witness, assert_each_fire_once, assert_witnessed, due_seconds, let_pass, now_ms, running_solo,
                     wait_until)

NEVER = "0 0 0 1 1 * 2199"


@pytest.fixture
def solo():
    with running_solo() as node:
        yield node


@pytest.fixture
def empty_cluster(victim_cluster):
    """A cluster whose nodes are stopped and whose database is gone."""
    for k in victim_cluster.nodes:
        victim_cluster.run("stop-node", str(k))
    victim_cluster.sql("DROP DATABASE IF EXISTS cron; CREATE DATABASE cron")
    yield victim_cluster


def command(solo, cluster):
    return [BINARY, "copy-store", "--from", f"sqlite:{solo.folder / 'data'}",
            "--to", f"mysql://cron@127.0.0.1:{cluster.mariadb_port}/cron",
            "--to-password-file", str(cluster.folder / "node1" / "mysql.password")]


def copy_store(solo, cluster):
    return subprocess.run(command(solo, cluster), capture_output=True, text=True, timeout=120)


def start_nodes(cluster):
    for k in cluster.nodes:
        cluster.run("start-node", str(k))
    cluster.wait_ready()


def test_a_lone_node_becomes_a_cluster(solo, empty_cluster):
    witness = Witness(solo)
    job = solo.add(witness.command, name="each second")
    twice = solo.add("echo twice", name="twice", run_limit=2)
    deleted = solo.add("echo deleted", NEVER)
    solo.call("POST", f"/cron/run/{deleted}")
    wait_until(lambda: solo.ledger([deleted]) and solo.wait_final([deleted]), 20, "the run by hand")
    solo.api(f"/cron/delete/{deleted}")
    wait_until(lambda: solo.api(f"/cron/{twice}")["run_num"] == 2, 20, "two runs")
    solo.stop()
    before = solo.ledger([job, twice, deleted])

    done = copy_store(solo, empty_cluster)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done
    assert f"both databases hold 2 jobs and {len(before)} rows" in done.stdout

    assert empty_cluster.ledger([job, twice, deleted]) == before
    start_nodes(empty_cluster)
    started = now_ms()
    let_pass(3)
    assert empty_cluster.api(f"/cron/{twice}")["run_num"] == 2
    assert empty_cluster.add("echo new", NEVER) > deleted
    stopped = now_ms()
    empty_cluster.stop_jobs([job, twice])
    rows = empty_cluster.wait_final([job])
    # What fell due while nobody ran is within the misfire window.
    first = min(row.scheduled_at for row in rows)
    assert_each_fire_once(rows, [job], due_seconds(first - 1, stopped))
    assert {row.state for row in rows if row.scheduled_at < stopped} == {"success"}, rows
    assert any(row.scheduled_at > started and row.run_server in empty_cluster.names for row in rows)
    assert_witnessed(rows, witness)
    assert len(empty_cluster.wait_final([twice])) == len([row for row in before if row.cron_id == twice])


def test_a_copy_that_is_killed_goes_on(solo, empty_cluster):
    solo.add("echo a", NEVER)
    solo.stop()
    solo.sql("INSERT INTO log (cron_id, scheduled_at, time, state, output) WITH RECURSIVE n(i) AS"
             " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
             " SELECT 1, i * 1000, i, 'success', 'line' || i FROM n")
    with subprocess.Popen(command(solo, empty_cluster), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True) as process:
        assert process.stderr.readline().startswith("10 %"), process
        process.send_signal(signal.SIGKILL)
    there = int(empty_cluster.sql("SELECT COUNT(*) AS n FROM log")[0]["n"])
    assert 0 < there < 60000, there

    done = copy_store(solo, empty_cluster)
    assert done.returncode == 0, done
    continued = re.search("^continuing after 1 job and ([0-9]+) rows that are already copied$", done.stderr, re.M)
    # The server may have committed a batch after the process that sent it was dead.
    assert there <= int(continued[1]) < 60000, done.stderr
    assert "both databases hold 1 job and 60000 rows of the ledger (60000 success)" in done.stdout
    assert empty_cluster.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT scheduled_at) AS d, MIN(output) AS a FROM log") == [
        {"n": "60000", "d": "60000", "a": "line1"}]

    again = copy_store(solo, empty_cluster)
    assert (again.returncode, again.stdout) == (0, done.stdout), again


def test_it_refuses_a_node_that_runs_and_a_database_in_use(solo, empty_cluster):
    solo.add("echo a", NEVER)
    running = copy_store(solo, empty_cluster)
    assert running.returncode == 1
    assert "is in use by process" in running.stderr
    solo.stop()
    start_nodes(empty_cluster)
    empty_cluster.add("echo mine", NEVER)
    used = copy_store(solo, empty_cluster)
    assert (used.returncode, used.stdout) == (1, ""), used
    assert "the target has a different job 1 than the source" in used.stderr
    assert [job["command"] for job in empty_cluster.api("/cron/list")] == ["echo mine"]


@pytest.mark.parametrize("arguments, words", [
    ([], "--from is required"),
    (["--from", "sqlite:/no/such/file", "--to", "mysql://a@127.0.0.1:1/b"], "there is no SQLite database /no/such/file"),
    (["--from", "mongodb://a", "--to", "sqlite:/tmp/x"], "'mongodb' is not known"),
    (["--from", "mysql://a:geheim@h/b", "--to", "sqlite:/tmp/x"], "a password must not be in an address"),
    (["--from", "mysql://a@h/b", "--to", "mysql://c@h:3306/b"], "name the same database"),
    (["--from", "mysql://a@h/b", "--to", "sqlite:/tmp/x", "--from-password-file", "/no/such"], "/no/such cannot be read"),
])
def test_what_makes_no_sense_is_refused(arguments, words):
    done = subprocess.run([BINARY, "copy-store", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode in (1, 2) and done.stdout == "", done
    assert words in done.stderr and "geheim" not in done.stderr, done.stderr
