"""The database or Consul is away: fires go on under the same dispatcher, on time; every row arrives later."""
import contextlib

import pytest

from harness import Witness, assert_each_fire_once, assert_witnessed, due_seconds, let_pass, now_ms, wait_until

LATE = 3_000  # the promise of a dispatcher's death, in milliseconds


@contextlib.contextmanager
def database_away(cluster, how):
    cluster.run(*{"stopped": ("stop-server", "mariadb"), "killed": ("kill-server", "mariadb"),
                  "hanging": ("pause-server", "mariadb")}[how])
    try:
        yield
    finally:
        cluster.run(*{"hanging": ("resume-server", "mariadb")}.get(how, ("start-server", "mariadb")))


class Fires:
    """Jobs that fire each second, from their first rows to a moment after everything is well again."""

    def __init__(self, cluster, count=3):
        self.cluster = cluster
        self.witness = Witness(cluster)
        self.jobs = [cluster.add(self.witness.command) for _ in range(count)]
        wait_until(lambda: len([row for row in cluster.ledger(self.jobs) if row.state == "success"]) > 3 * count,
                   30, "the first runs")
        self.begun = now_ms()

    def end(self):
        self.ended = now_ms()
        let_pass(2)
        # A dispatcher that has just been elected may still be taking over: fires of stopped jobs it gives up.
        wait_until(lambda: {job for job, at in self.witness.runs() if at > self.ended} == set(self.jobs), 30,
                   "all jobs fire again")
        self.cluster.stop_jobs(self.jobs)
        # Steps that were handed out while the database was away are written one after the other.
        wait_until(lambda: {(row.cron_id, row.scheduled_at) for row in self.cluster.ledger(self.jobs)}
                   >= set(self.witness.runs()), 30, "each run has its row")
        return self.cluster.wait_final(self.jobs)


@pytest.mark.parametrize("how", ["stopped", "killed", "hanging"])
def test_fires_go_on_while_the_database_is_away(victim_cluster, how):
    cluster = victim_cluster
    fires = Fires(cluster)
    dispatcher = cluster.dispatcher()
    with database_away(cluster, how):
        away = now_ms()
        let_pass(12)
        back = now_ms()
        seen = {at for _, at in fires.witness.runs()}
        assert set(due_seconds(away, back - LATE)) <= seen, "the commands run while nothing can be written"
    wait_until(lambda: fires.cluster.call("GET", "/log/list?limit=1").status == 200, 60, "the API answers again")
    rows = fires.end()
    assert_each_fire_once(rows, fires.jobs, due_seconds(fires.begun, fires.ended))
    assert_witnessed(rows, fires.witness)
    assert {row.state for row in rows if row.scheduled_at < fires.ended} == {"success"}
    late = [row for row in rows if row.started_at and row.started_at - row.scheduled_at > LATE]
    assert not late, f"late: {late}"
    assert cluster.dispatcher() == dispatcher, "nobody else had to take over"


def test_a_dispatcher_that_dies_while_the_database_is_away_has_doubled_and_lost_nothing(victim_cluster):
    cluster = victim_cluster
    fires = Fires(cluster)
    victim = cluster.number(cluster.dispatcher())
    with database_away(cluster, "stopped"):
        let_pass(6)
        cluster.run("kill-node", str(victim))
        killed = now_ms()
        let_pass(2)
    cluster.run("start-node", str(victim))
    cluster.wait_ready()
    rows = fires.end()
    assert_each_fire_once(rows, fires.jobs, due_seconds(fires.begun, fires.ended))
    # What the dead node ran has ended with it; nobody can know more.
    assert_witnessed(rows, fires.witness, may_lack_success={"lost"})
    lost = [row for row in rows if row.state == "lost"]
    # What it held, two seconds ahead, it may have started.
    assert all(row.scheduled_at <= killed + 3000 for row in lost), f"lost: {lost}"


def test_all_nodes_die_while_the_database_is_away(victim_cluster):
    cluster = victim_cluster
    fires = Fires(cluster)
    with database_away(cluster, "stopped"):
        let_pass(6)
        for k in cluster.nodes:
            cluster.run("kill-node", str(k))
    for k in cluster.nodes:
        cluster.run("start-node", str(k))
    cluster.wait_ready()
    rows = fires.end()
    assert_each_fire_once(rows, fires.jobs, due_seconds(fires.begun, fires.ended))
    assert_witnessed(rows, fires.witness, may_lack_success={"lost"})


def test_fires_go_on_while_the_database_and_consul_are_away(victim_cluster):
    cluster = victim_cluster
    fires = Fires(cluster)
    with database_away(cluster, "stopped"):
        away = now_ms()
        cluster.run("stop-server", "consul")
        let_pass(15)
        seen = {at for _, at in fires.witness.runs()}
        assert set(due_seconds(away, now_ms() - LATE)) <= seen
        cluster.run("start-server", "consul")
    cluster.wait_ready()
    rows = fires.end()
    assert_each_fire_once(rows, fires.jobs, due_seconds(fires.begun, fires.ended))
    assert_witnessed(rows, fires.witness)
    assert {row.state for row in rows if row.scheduled_at < fires.ended} == {"success"}


def test_fires_go_on_while_consul_is_away(victim_cluster):
    cluster = victim_cluster
    fires = Fires(cluster)
    dispatcher = cluster.dispatcher()
    cluster.run("stop-server", "consul")
    let_pass(15)
    cluster.run("start-server", "consul")
    cluster.wait_ready()
    rows = fires.end()
    assert_each_fire_once(rows, fires.jobs, due_seconds(fires.begun, fires.ended))
    assert_witnessed(rows, fires.witness)
    assert {row.dispatch_server for row in rows if row.scheduled_at < fires.ended - 3000} == {dispatcher}
