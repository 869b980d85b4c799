"""A node is killed, stopped or paused while jobs are due each second: no fire is lost, none runs twice."""
import os
import pathlib
import signal
import time
import types

import pytest

from harness import Witness, assert_each_fire_once, assert_witnessed, due_seconds, let_pass, now_ms, wait_until

OVERLAP = 77  # the exit code of the mutex job when the kernel says that another one is alive


def dispatcher_of(cluster):
    return cluster.number(wait_until(cluster.dispatcher, 30, "a dispatcher"))


def worker_of(cluster):
    return next(k for k in cluster.nodes if k != dispatcher_of(cluster))


class Load:
    """Jobs due each second, among them a mutex job whose overlap the kernel would see."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.witness = Witness(cluster)
        lock = cluster.witness_file()
        self.jobs = [cluster.add(self.witness.command) for _ in range(8)]
        self.mutex = cluster.add(f"flock -n -E {OVERLAP} {lock} sleep 1.5", is_mutex=1)
        self.added = now_ms()
        wait_until(lambda: self.fired_since(self.added), 30, "all jobs fire")

    def fired_since(self, moment):
        """Whether each job has succeeded at a moment after this one."""
        rows = self.cluster.ledger(self.jobs)
        return {row.cron_id for row in rows if row.state == "success" and row.scheduled_at > moment} == set(self.jobs)

    def wait_fires(self, after):
        wait_until(lambda: self.fired_since(after), 45, "every job fires again")

    def finish(self):
        """Stops the jobs; what must hold after every fault, and the rows that were not taken back."""
        healed = now_ms()
        self.wait_fires(after=healed)
        wait_until(lambda: any(row.state == "success" and row.scheduled_at > healed
                               for row in self.cluster.ledger([self.mutex])), 45, "the mutex job runs again")
        let_pass(1)
        everything = [*self.jobs, self.mutex]
        # A stop takes back what is late and has not started.
        wait_until(lambda: not [row for row in self.cluster.ledger(everything)
                                if row.state == "planned" and row.scheduled_at < now_ms() - 1500], 30, "nothing is late")
        stopped = now_ms()
        self.cluster.stop_jobs(everything)
        rows = self.cluster.wait_final(everything)
        assert_each_fire_once(rows, everything, due_seconds(self.added, stopped - 3000))
        taken_back = [row for row in rows if row.state == "revoked"]
        # The stop above takes back what is due from there on (or is late).
        assert all(row.scheduled_at > stopped - 3000 for row in taken_back), taken_back
        mutex = [row for row in rows if row.cron_id == self.mutex and row.state != "revoked"]
        assert not [row for row in mutex if row.exit_code == OVERLAP], mutex
        assert {row.state for row in mutex} <= {"success", "skipped", "lost", "failed"}
        assert all(row.reason for row in mutex if row.state != "success"), mutex
        rows = [row for row in rows if row.cron_id != self.mutex]
        assert_witnessed(rows, self.witness, may_lack_success={"lost"})
        late = max(row.started_at - row.scheduled_at for row in rows if row.started_at is not None)
        print(f"latest start: {late} ms after its time")
        return [row for row in rows if row.state != "revoked"]


def assert_only_lost_at(rows, victim, before):
    """Everything succeeded, except what a dead node may have begun before it died."""
    for row in rows:
        if row.state != "success":
            assert (row.state, row.run_server) == ("lost", victim), row
            assert row.scheduled_at <= before and row.reason.startswith("node-died"), row


def assert_dispatched_by(cluster, rows, old, new, moment):
    """The successor dispatches with a greater epoch what is due later than its lookahead."""
    assert {row.dispatch_server for row in rows if row.scheduled_at <= moment.before} == {old}
    assert new != old
    assert {row.dispatch_server for row in rows} == {old, new}
    epochs = {server: {row.epoch for row in rows if row.dispatch_server == server} for server in (old, new)}
    assert len(epochs[old]) == len(epochs[new]) == 1
    assert max(epochs[old]) < max(epochs[new]) == cluster.node_list()["epoch"]


def harm(cluster, *command):
    """Does it, and tells the moments before and after."""
    before = now_ms()
    cluster.run(*map(str, command))
    return types.SimpleNamespace(before=before, after=now_ms())


def wait_other_dispatcher(cluster, old, seconds=30):
    return wait_until(lambda: cluster.dispatcher() not in ("", old) and cluster.dispatcher(), seconds,
                      f"another dispatcher than {old}")


def test_a_killed_dispatcher_is_replaced_and_every_due_second_has_one_row(victim_cluster):
    cluster = victim_cluster
    k = dispatcher_of(cluster)
    load = Load(cluster)
    killed = harm(cluster, "kill-node", k)
    successor = wait_other_dispatcher(cluster, cluster.name(k))
    load.wait_fires(after=killed.after + 2000)
    cluster.run("start-node", str(k))
    cluster.wait_ready()
    rows = load.finish()
    assert_only_lost_at(rows, cluster.name(k), killed.after)
    assert_dispatched_by(cluster, rows, cluster.name(k), successor, killed)
    assert [row for row in rows if row.run_server == cluster.name(k) and row.scheduled_at > killed.after], \
        "the node that came back works again"


def node_process(cluster, k):
    """The process id of the node itself, below its warden."""
    warden = cluster.status()["processes"][f"node{k}"]["pid"]
    return int(pathlib.Path(f"/proc/{warden}/task/{warden}/children").read_text().split()[0])


def test_a_dispatcher_that_dies_right_after_a_second_has_doubled_nothing(victim_cluster):
    # What it had just started is in no row yet, and only its own node could tell.
    cluster = victim_cluster
    load = Load(cluster)
    for milliseconds in (8, 14, 20, 30):
        k = dispatcher_of(cluster)
        node = node_process(cluster, k)
        time.sleep(1 - time.time() % 1 + milliseconds / 1000)
        os.kill(node, signal.SIGKILL)
        wait_other_dispatcher(cluster, cluster.name(k))
        let_pass(2)
        cluster.run("start-node", str(k))
        cluster.wait_ready()
    load.finish()


def test_a_stopped_dispatcher_hands_over_and_loses_nothing(victim_cluster):
    cluster = victim_cluster
    k = dispatcher_of(cluster)
    load = Load(cluster)
    stopped = harm(cluster, "stop-node", k)
    successor = wait_other_dispatcher(cluster, cluster.name(k))
    load.wait_fires(after=stopped.after + 2000)
    names = [f"{s['Service']['Address']}:{s['Service']['Port']}" for s in cluster.consul("health/service/peercron")]
    assert sorted(names) == sorted(set(cluster.names) - {cluster.name(k)})
    cluster.run("start-node", str(k))
    cluster.wait_ready()
    rows = load.finish()
    assert {row.state for row in rows} == {"success"}
    assert_dispatched_by(cluster, rows, cluster.name(k), successor, stopped)


def test_a_dispatcher_that_was_paused_finds_itself_replaced_and_doubles_nothing(victim_cluster):
    cluster = victim_cluster
    k = dispatcher_of(cluster)
    load = Load(cluster)
    paused = harm(cluster, "pause-node", k)
    successor = wait_other_dispatcher(cluster, cluster.name(k))
    load.wait_fires(after=paused.after + 3000)
    cluster.run("resume-node", str(k))
    cluster.wait_ready()
    assert cluster.dispatcher() == successor
    rows = load.finish()
    # What the paused node had been given before stays its own.
    for row in rows:
        if row.state != "success":
            assert (row.state, row.run_server) == ("skipped", cluster.name(k)), row
            assert row.reason and row.scheduled_at <= paused.after + 3000, row
    assert_dispatched_by(cluster, rows, cluster.name(k), successor, paused)


def test_a_dispatcher_that_pauses_briefly_doubles_nothing(victim_cluster):
    """Too short for Consul to notice, or just about; whoever dispatches afterwards."""
    cluster = victim_cluster
    load = Load(cluster)
    for seconds in (0.3, 1.0, 1.6, 2.2):
        k = dispatcher_of(cluster)
        harm(cluster, "pause-node", k)
        let_pass(seconds)
        resumed = harm(cluster, "resume-node", k)
        load.wait_fires(after=resumed.after)
    cluster.wait_ready()
    rows = load.finish()
    assert {row.state for row in rows} <= {"success", "skipped"}
    assert all(row.reason for row in rows if row.state == "skipped")


def test_a_killed_worker_takes_only_what_it_ran(victim_cluster):
    cluster = victim_cluster
    k, dispatcher = worker_of(cluster), cluster.dispatcher()
    load = Load(cluster)
    killed = harm(cluster, "kill-node", k)
    load.wait_fires(after=killed.after + 2000)
    cluster.run("start-node", str(k))
    cluster.wait_ready()
    rows = load.finish()
    assert_only_lost_at(rows, cluster.name(k), killed.after)
    assert {row.dispatch_server for row in rows} == {dispatcher}


def test_a_stopped_worker_loses_nothing(victim_cluster):
    cluster = victim_cluster
    k, dispatcher = worker_of(cluster), cluster.dispatcher()
    load = Load(cluster)
    stopped = harm(cluster, "stop-node", k)
    load.wait_fires(after=stopped.after + 1000)
    cluster.run("start-node", str(k))
    cluster.wait_ready()
    rows = load.finish()
    assert {row.state for row in rows} == {"success"}
    assert {row.dispatch_server for row in rows} == {dispatcher}
    assert not [row for row in rows if row.run_server == cluster.name(k) and stopped.after < row.started_at
                < stopped.after + 1000]


def test_a_paused_worker_keeps_what_it_had_and_runs_nothing_twice(victim_cluster):
    cluster = victim_cluster
    k, dispatcher = worker_of(cluster), cluster.dispatcher()
    load = Load(cluster)
    paused = harm(cluster, "pause-node", k)
    load.wait_fires(after=paused.after + 5000)
    cluster.run("resume-node", str(k))
    cluster.wait_ready()
    rows = load.finish()
    for row in rows:
        if row.state != "success":
            assert (row.state, row.run_server) == ("skipped", cluster.name(k)), row
            assert row.reason and row.scheduled_at <= paused.after + 5000, row
    assert {row.dispatch_server for row in rows} == {dispatcher}


@pytest.mark.parametrize("who", [dispatcher_of, worker_of])
def test_running_commands_may_end_when_their_node_stops_and_die_with_it_when_it_is_killed(victim_cluster, who):
    cluster = victim_cluster
    k = who(cluster)

    def start_on_all_nodes(command):
        """The rows of jobs that run now, some on each node."""
        second = now_ms() // 1000 + 2
        jobs = [cluster.add_once(command, second) for _ in range(9)]

        def running():
            rows = cluster.ledger(jobs)
            return len(rows) == len(jobs) and all(row.started_at is not None for row in rows)

        wait_until(running, 30, "all commands run")
        assert {row.run_server for row in cluster.ledger(jobs)} == set(cluster.names)
        return jobs

    jobs = start_on_all_nodes("sleep 5; echo finished")
    assert {row.state for row in cluster.ledger(jobs)} == {"running"}
    cluster.run("stop-node", str(k))
    rows = cluster.wait_final(jobs)
    assert {(row.state, row.output) for row in rows} == {("success", "finished\n")}
    cluster.run("start-node", str(k))
    cluster.wait_ready()

    k = who(cluster)
    pids = cluster.witness_file()
    jobs = start_on_all_nodes(f"echo $PEERCRON_NODE $$ >> {pids}; sleep 8; echo finished")
    wait_until(lambda: len(pids.read_text().splitlines()) == len(jobs), 10, "all pids")
    cluster.run("kill-node", str(k))
    alive = {node: [os.path.exists(f"/proc/{pid}") for node_of, pid in map(str.split, pids.read_text().splitlines())
                    if node_of == node] for node in cluster.names}
    assert not any(alive.pop(cluster.name(k)))
    assert all(all(of_node) for of_node in alive.values()), alive
    rows = cluster.wait_final(jobs)
    for row in rows:
        if row.run_server == cluster.name(k):
            assert (row.state, row.output) == ("lost", "") and row.reason.startswith("node-died"), row
        else:
            assert (row.state, row.output) == ("success", "finished\n"), row


def test_the_api_answers_through_nginx_while_a_node_is_dead(victim_cluster):
    cluster = victim_cluster
    k = worker_of(cluster)
    cluster.run("kill-node", str(k))
    for turn in range(12):
        job = cluster.add("true", cron_set="0 0 0 1 1 *", remark=f"turn {turn}")
        assert cluster.api(f"/cron/{job}")["remark"] == f"turn {turn}"
        assert cluster.api(f"/cron/stop/{job}")["stop"] is True
        assert job in [row["id"] for row in cluster.api("/cron/list")]
        assert cluster.api(f"/cron/delete/{job}")["id"] == job


def test_all_nodes_stopped_and_started_again_go_on_where_they_were(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    jobs = [cluster.add(witness.command) for _ in range(4)]
    added = now_ms()
    let_pass(3)
    for k in cluster.nodes:
        cluster.run("stop-node", str(k))
    let_pass(3)
    assert not [row for row in cluster.ledger(jobs) if row.state == "running"]
    for k in cluster.nodes:
        cluster.run("start-node", str(k))
    cluster.wait_ready()
    let_pass(4)
    stopped = now_ms()
    cluster.stop_jobs(jobs)
    rows = cluster.wait_final(jobs)
    # What fell due meanwhile is within the misfire window: it runs late.
    assert_each_fire_once(rows, jobs, due_seconds(added, stopped - 3000))
    assert {row.state for row in rows if row.scheduled_at < stopped - 3000} == {"success"}
    assert_witnessed(rows, witness)
