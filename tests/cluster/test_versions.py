"""A cluster of two versions, under load. This program replaces an older one node by node, and then the older one
replaces this. No fire is late, lost or doubled, whichever version plans it and whichever runs it.

PEERCRON_OLD_BINARY names the older program (bin/older builds one); without it these tests are skipped.
"""
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import subprocess
import tempfile

import pytest

from harness import (BINARY, FINAL, HOST, ROOT, WORK, Solo, Witness, assert_witnessed, free_base_port, let_pass, now_ms,
                     running_cluster, wait_until)

OLD = pathlib.Path(os.environ.get("PEERCRON_OLD_BINARY", ""))
pytestmark = pytest.mark.skipif("PEERCRON_OLD_BINARY" not in os.environ, reason="PEERCRON_OLD_BINARY names no program")
JOBS = 10


def configure(cluster):
    """A configuration that both versions understand, as during an upgrade."""
    loader = importlib.machinery.SourceFileLoader("bin_cluster", str(ROOT / "bin/cluster"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    described = module.Cluster(cluster.folder)
    described.settings = {"base_port": cluster.base, "nodes": len(cluster.nodes)}
    for k in cluster.nodes:
        settings, _, _ = described.node_config(k).partition("\n[http]\n")
        cluster.config_file(k).parent.mkdir()
        cluster.config_file(k).write_text(
            f'{settings}\n[http]\ntrusted_proxies = ["127.0.0.1"]\nallow_anonymous = true\n')


@pytest.fixture(scope="module", autouse=True)
def no_socket():
    """Of many nodes of one user on one machine only one could have it; the older program may not know it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PEERCRON_HTTP_SOCKET", "none")
        yield


@pytest.fixture(scope="module")
def pair():
    with running_cluster(2, OLD, configure) as cluster:
        yield cluster


def migrations(cluster):
    return [int(row["number"]) for row in cluster.sql("SELECT number FROM schema_migration ORDER BY number")]


def start_with(cluster, k, program):
    """Restarts a node with this program, as an upgrade does."""
    file = cluster.folder / "cluster.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "binary": str(program)}))
    cluster.run("stop-node", str(k))
    cluster.run("start-node", str(k))
    wait_until(lambda: len([node for node in cluster.node_list()["nodes"] if node["connected"]]) == 2, 60, "both are back")


def replace_all(cluster, jobs, program):
    """First the node that does not dispatch, so that each version has planned for the other one by the end."""
    old_dispatcher = cluster.number(cluster.dispatcher())
    other = 3 - old_dispatcher
    start_with(cluster, other, program)
    assert cluster.number(cluster.dispatcher()) == old_dispatcher
    since = now_ms()

    def both_have_run():
        ended = {row.run_server for row in cluster.ledger(jobs) if row.scheduled_at > since and row.state == "success"}
        return ended == set(cluster.names)

    wait_until(both_have_run, 60, "runs at the node of each version")
    start_with(cluster, old_dispatcher, program)
    assert cluster.number(cluster.dispatcher()) == other
    since = now_ms()
    wait_until(both_have_run, 60, "runs at both nodes")


def assert_clean(cluster, jobs, witness, begun, program):
    let_pass(3)
    ended = now_ms() // 1000
    wait_until(lambda: now_ms() // 1000 > ended + 6, 30, "it can be judged")
    done = subprocess.run([str(program), "audit", "--url", cluster.url, "--json", "--from", str(begun), "--to", str(ended)],
                          capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["findings"] == [], found
    assert found["totals"]["due"] >= JOBS * (ended - begun - 1), found
    rows = [row for row in cluster.ledger(jobs) if row.scheduled_at < ended * 1000]
    assert {row.state for row in rows} <= FINAL, rows
    assert_witnessed(rows, witness, FINAL | {"planned", "running", None})


@pytest.fixture(scope="module")
def load(pair):
    """Jobs that are due each second, what they saw, and the tables that the older program made."""
    witness = Witness(pair)
    jobs = [pair.add(witness.command) for _ in range(JOBS)]
    let_pass(6)  # what is near a change of its job is not judged
    return jobs, witness, migrations(pair)


def test_this_program_replaces_an_older_one_node_by_node(pair, load):
    jobs, witness, of_old = load
    begun = now_ms() // 1000
    replace_all(pair, jobs, BINARY)
    assert_clean(pair, jobs, witness, begun, BINARY)
    assert migrations(pair)[:len(of_old)] == of_old


def test_the_older_program_replaces_this_one_when_it_is_told_to_take_the_tables(pair, load):
    jobs, witness, of_old = load
    newest = migrations(pair)
    assert len(newest) > len(of_old), "the older program has the same tables: there is nothing to go back from"
    refused = subprocess.run([str(OLD), "migrate", "--config", str(pair.config_file(1))], capture_output=True, text=True,
                             timeout=60)
    assert refused.returncode != 0 and "newer than this program" in refused.stdout + refused.stderr, refused
    begun = now_ms() // 1000
    pair.sql(f"DELETE FROM schema_migration WHERE number > {of_old[-1]}")  # as docs/upgrade.md says
    replace_all(pair, jobs, OLD)
    assert_clean(pair, jobs, witness, begun, OLD)

    # And forward once more, over tables that have everything already.
    begun = now_ms() // 1000
    replace_all(pair, jobs, BINARY)
    assert_clean(pair, jobs, witness, begun, BINARY)
    assert migrations(pair) == newest


class NodeOf(Solo):
    """A node that is alone, of one of the two programs."""

    program = OLD

    def arguments(self, data=None, port=None):
        return [str(self.program), "serve", "--data", str(data or self.folder / "data"),
                "--set", f"http_bind_address={HOST}:{port or self.base}", "--set", "http.allow_anonymous=true"]

    def tool(self, *arguments):
        done = subprocess.run([str(self.program), *map(str, arguments)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done

    def successes(self, job):
        return {row.scheduled_at for row in self.ledger([job]) if row.state == "success"}


def test_a_single_node_goes_back_by_its_backup():
    with free_base_port() as port, tempfile.TemporaryDirectory(prefix="v", dir=WORK) as folder:
        node = NodeOf(pathlib.Path(folder), port)
        try:
            node.start()
            job = node.add("true")
            wait_until(lambda: node.successes(job), 60, "it runs")
            node.tool("backup", "--data", node.folder / "data", node.folder / "backup.db")
            before = node.successes(job)
            node.stop()

            node.program = BINARY
            node.start()
            wait_until(lambda: node.successes(job) - before, 60, "it runs by this version")
            assert before <= node.successes(job)
            node.stop()

            node.program = OLD
            node.tool("restore", "--data", node.folder / "data", node.folder / "backup.db")
            node.start()
            restored = node.successes(job)
            assert before <= restored
            wait_until(lambda: node.successes(job) - restored, 60, "it runs by the older version again")
        finally:
            node.stop()
