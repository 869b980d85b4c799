"""The database is away when runs end, and then their node dies, too: their rows tell the truth all the same."""
import re

import pytest

from harness import next_second, request, wait_until


def metric(cluster, k, name):
    text = request(cluster.http_port(k), "GET", "/metrics").body.decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))


def records(cluster, nodes):
    return sum(metric(cluster, k, "peercron_journal_records") for k in nodes)


def results(cluster):
    """How many results are in the files; steps of the plan are there as well."""
    files = cluster.folder.glob("node*/journal-*")
    return sum(len(set(re.findall(rb"the output of \d+", file.read_bytes()))) for file in files)


class HeldRuns:
    """Runs, spread over the nodes, that end when they are told to."""

    def __init__(self, cluster, count=9):
        self.cluster = cluster
        self.gate = cluster.witness_file()
        self.ran = cluster.witness_file()
        command = (f"echo $PEERCRON_JOB_ID >> {self.ran}; while [ ! -e {self.gate} ]; do sleep 0.1; done;"
                   " echo the output of $PEERCRON_JOB_ID")
        second = next_second(3)
        self.jobs = [cluster.add_once(command, second) for _ in range(count)]
        wait_until(lambda: [row.state for row in cluster.ledger(self.jobs)] == ["running"] * count, 30,
                   lambda: f"all run: {cluster.ledger(self.jobs)}")

    def end(self):
        self.gate.touch()

    def check(self):
        """Each has run once, and its row says that it succeeded and what it wrote."""
        wait_until(lambda: {row.state for row in self.cluster.ledger(self.jobs)} == {"success"}, 60,
                   lambda: f"all succeeded: {self.cluster.ledger(self.jobs)}")
        rows = self.cluster.ledger(self.jobs)
        assert [row.output for row in rows] == [f"the output of {row.cron_id}\n" for row in rows]
        assert sorted(map(int, self.ran.read_text().split())) == sorted(self.jobs)
        assert {self.cluster.api(f"/cron/{job}")["run_num"] for job in self.jobs} == {1}


@pytest.mark.parametrize("victims", ["one node", "all nodes"])
def test_results_outlive_their_node_while_the_database_is_away(victim_cluster, victims):
    cluster = victim_cluster
    runs = HeldRuns(cluster)
    assert {cluster.api("/health", node=k)["journal"] for k in cluster.nodes} == {"ok"}
    assert records(cluster, cluster.nodes) == 0, "the journal has no work while the database is there"
    killed = [cluster.number(cluster.ledger(runs.jobs)[0].run_server)] if victims == "one node" else cluster.nodes
    cluster.run("stop-server", "mariadb")
    runs.end()
    wait_until(lambda: results(cluster) == len(runs.jobs), 30,
               lambda: f"{len(runs.jobs)} results, but {results(cluster)}")
    for k in killed:
        cluster.run("kill-node", str(k))
    for k in killed:
        cluster.run("start-node", str(k))
    assert results(cluster) == len(runs.jobs), "it is in the files"
    cluster.run("start-server", "mariadb")
    runs.check()
    wait_until(lambda: records(cluster, cluster.nodes) == 0, 30, "the journals are empty")


def test_a_stopped_node_leaves_its_results_to_its_next_start(victim_cluster):
    cluster = victim_cluster
    runs = HeldRuns(cluster, count=3)
    cluster.run("stop-server", "mariadb")
    runs.end()
    for k in cluster.nodes:
        cluster.run("stop-node", str(k))
    for k in cluster.nodes:
        cluster.run("start-node", str(k))
    cluster.run("start-server", "mariadb")
    runs.check()


def test_a_journal_that_is_full_or_not_there_is_said_and_costs_nothing_while_the_node_lives(victim_cluster):
    cluster = victim_cluster
    for k, key in (1, "journal_limit = 300"), (2, 'journal_dir = "/dev/null/nowhere"'), (3, "journal_limit = 0"):
        cluster.run("stop-node", str(k))
        config = cluster.config_file(k)
        config.write_text(config.read_text().replace("[exec]\n", f"[exec]\n{key}\n"))
        cluster.run("start-node", str(k))
    cluster.wait_ready()
    runs = HeldRuns(cluster)
    states = {k: cluster.api("/health", node=k)["journal"] for k in cluster.nodes}
    assert states == {1: "ok", 2: "unavailable", 3: "off"}
    cluster.run("stop-server", "mariadb")
    runs.end()
    wait_until(lambda: cluster.api("/health", node=1)["journal"] == "failing", 30, "the journal is full")
    assert metric(cluster, 1, "peercron_journal_failing") == 1
    assert metric(cluster, 1, "peercron_journal_failures_total") > 0
    assert metric(cluster, 1, "peercron_journal_bytes") <= 300
    assert metric(cluster, 2, "peercron_journal_failing") == 1
    assert metric(cluster, 3, "peercron_journal_failing") == 0
    cluster.run("start-server", "mariadb")
    runs.check()
    wait_until(lambda: cluster.api("/health", node=1)["journal"] == "ok", 30, "the journal has nothing to do")
    assert "journal-" in cluster.log("node1") and "limit of 300" in cluster.log("node1")
    assert "/dev/null/nowhere: cannot make the folder" in cluster.log("node2")
