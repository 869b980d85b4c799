"""Daemons are kept alive: once at a time, whatever dies, restarts, changes or is away meanwhile."""
import json
import subprocess

import pytest

from harness import BINARY, let_pass, now_ms, running_solo, wait_until

# What a death costs: the warden's report, the 2 s in which commands of the dead node may be alive, and a moment.
MOVED = 4_000


class Worker:
    """A daemon's command. It writes `up` when it starts, `two` when another one is alive, and `down` when it was told
    to end."""

    def __init__(self, cluster, code=None):
        self.file = cluster.witness_file()
        self.code = code
        life = f"exit {code}" if code is not None else "while :; do sleep 0.1 9>&-; done"
        self.command = (f"exec 9>>{self.file}.lock; flock -n 9 || echo two >>{self.file}; echo up >>{self.file}; "
                        f"trap 'echo down >>{self.file}; exit 0' TERM; {life}")

    def lines(self):
        return self.file.read_text().split() if self.file.exists() else []

    def assert_never_two(self):
        assert "two" not in self.lines(), self.lines()


def keep(cluster, worker, **more):
    return cluster.api("/cron/add", kind="daemon", command=worker.command, **more)["id"]


def starts(cluster, job):
    return [row for row in cluster.ledger([job]) if row.state != "revoked"]


def how_it_is(cluster, job):
    return cluster.api(f"/cron/{job}")["daemon"]


def wait_up(cluster, job, after=0, seconds=30):
    """The row of a start that is up, later than that one."""
    def up():
        rows = [row for row in cluster.ledger([job]) if row.state == "running" and row.scheduled_at > after]
        return rows[-1] if rows else None

    return wait_until(up, seconds, lambda: f"a start after {after}, but {cluster.ledger([job])}")


def wait_end(cluster, row, seconds=20):
    def ended():
        found = [other for other in cluster.ledger([row.cron_id]) if other.scheduled_at == row.scheduled_at]
        return found[0] if found[0].state not in ("planned", "running") else None

    return wait_until(ended, seconds, f"the end of {row}")


def assert_moved(before, after):
    assert 0 <= after.started_at - before.ended_at <= MOVED, (before, after)


def test_it_is_kept_alive_and_shown(cluster):
    worker = Worker(cluster)
    job = keep(cluster, worker, name="worker")
    first = wait_up(cluster, job)
    shown = how_it_is(cluster, job)
    assert (shown["is_up"], shown["since"], shown["node"]) == (True, first.started_at, first.run_server)
    text = subprocess.run([str(BINARY), "job", "list", "--url", cluster.url], capture_output=True, text=True).stdout
    assert "up " in text and f"on {first.run_server}" in text and "kept alive" in text, text
    assert cluster.call("POST", f"/cron/run/{job}").status == 409, "it is up"
    killed = cluster.api(f"/log/list?cron_id={job}")["list"][0]["id"]
    assert cluster.call("POST", f"/run/kill/{killed}").status == 200
    second = wait_up(cluster, job, first.scheduled_at)
    ended = wait_end(cluster, first)
    assert (ended.state, ended.reason.split(":")[0]) == ("killed", "on-request")
    assert 900 <= second.started_at - ended.ended_at <= 3000, "after restart_delay"
    worker.assert_never_two()
    assert worker.lines() == ["up", "down", "up"]


def test_one_that_fails_is_started_later_and_later_until_it_is_given_up(cluster):
    worker = Worker(cluster, code=1)
    job = keep(cluster, worker, restart_delay=1, start_limit=3)
    wait_until(lambda: starts(cluster, job) and starts(cluster, job)[-1].state == "skipped", 30, "it is given up")
    rows = starts(cluster, job)
    assert [row.state for row in rows] == ["failed", "failed", "failed", "skipped"]
    assert rows[-1].reason.startswith("start-limit: 3 starts in a row"), rows[-1]
    for before, row, pause in ((rows[0], rows[1], 1000), (rows[1], rows[2], 2000)):
        assert pause <= row.scheduled_at - before.ended_at <= pause + 50, (before, row)
    shown = how_it_is(cluster, job)
    assert not shown["is_up"] and shown["next_start"] is None and "given up after 3 failures" in shown["why"], shown
    let_pass(3)
    assert len(starts(cluster, job)) == 4
    assert cluster.call("POST", f"/cron/run/{job}").status == 200, "by hand"
    wait_until(lambda: len(starts(cluster, job)) >= 6, 20, "it is tried again as often")


def test_after_a_success_it_stays_down_if_it_says_so(cluster):
    job = keep(cluster, Worker(cluster, code=0), restart="on_failure")
    wait_until(lambda: [row.state for row in starts(cluster, job)] == ["success"], 20, "it succeeds")
    let_pass(3)
    assert len(starts(cluster, job)) == 1
    assert "succeeded" in how_it_is(cluster, job)["why"]


def test_a_change_of_its_work_ends_it_and_starts_it_again(cluster):
    worker, other = Worker(cluster), Worker(cluster)
    job = keep(cluster, worker)
    first = wait_up(cluster, job)
    cluster.api("/cron/update", id=job, remark="this changes no work")
    let_pass(2)
    assert len(starts(cluster, job)) == 1
    cluster.api("/cron/update", id=job, command=other.command)
    second = wait_up(cluster, job, first.scheduled_at)
    ended = wait_end(cluster, first)
    assert (ended.state, ended.reason) == ("killed", "job-changed")
    assert_moved(ended, second)
    assert worker.lines() == ["up", "down"] and other.lines() == ["up"]


def test_stop_delete_and_its_window_end_it(cluster):
    worker = Worker(cluster)
    job = keep(cluster, worker)
    first = wait_up(cluster, job)
    cluster.call("POST", f"/cron/stop/{job}")
    assert wait_end(cluster, first).reason == "job-stopped"
    let_pass(2)
    assert how_it_is(cluster, job)["why"] == "stopped"
    cluster.call("POST", f"/cron/start/{job}")
    second = wait_up(cluster, job, first.scheduled_at)
    end = now_ms() // 1000 + 3
    cluster.api("/cron/update", id=job, end_time=end)
    ended = wait_end(cluster, second)
    assert ended.reason.startswith("window") and 0 <= ended.ended_at - end * 1000 <= 3000, ended
    assert how_it_is(cluster, job)["why"] == "its window is over"
    cluster.api("/cron/update", id=job, end_time=0)
    third = wait_up(cluster, job, second.scheduled_at)
    cluster.call("POST", f"/cron/delete/{job}")
    assert wait_end(cluster, third).reason == "job-deleted"
    worker.assert_never_two()


@pytest.mark.parametrize("whose", ["its node", "the dispatcher"])
def test_the_death_of_a_node_moves_it(victim_cluster, whose):
    cluster = victim_cluster
    workers = [Worker(cluster) for _ in range(4)]
    jobs = [keep(cluster, worker) for worker in workers]
    before = [wait_up(cluster, job) for job in jobs]
    dispatcher = cluster.dispatcher()
    of_others = [row.run_server for row in before if row.run_server != dispatcher]
    victim = of_others[0] if whose == "its node" else dispatcher
    cluster.run("kill-node", str(cluster.number(victim)))
    for row, worker in zip(before, workers):
        if row.run_server != victim:
            continue
        after = wait_up(cluster, row.cron_id, row.scheduled_at)
        lost = wait_end(cluster, row)
        assert lost.state == "lost" and after.run_server != victim, (lost, after)
        assert_moved(lost, after)
    let_pass(3)
    for row, worker in zip(before, workers):
        worker.assert_never_two()
        assert len(starts(cluster, row.cron_id)) == (2 if row.run_server == victim else 1)


def test_it_moves_while_the_database_is_away(victim_cluster):
    cluster = victim_cluster
    worker = Worker(cluster)
    job = keep(cluster, worker)
    first = wait_up(cluster, job)
    cluster.run("stop-server", "mariadb")
    try:
        let_pass(1)
        cluster.run("kill-node", str(cluster.number(first.run_server)))
        wait_until(lambda: worker.lines().count("up") == 2, 30, "it is started elsewhere, while nothing can be written")
    finally:
        cluster.run("start-server", "mariadb")
    second = wait_up(cluster, job, first.scheduled_at, 60)
    assert second.run_server != first.run_server
    worker.assert_never_two()


def test_a_rolling_restart_moves_daemons_one_by_one(victim_cluster):
    cluster = victim_cluster
    workers = [Worker(cluster) for _ in range(4)]
    jobs = [keep(cluster, worker) for worker in workers]
    for job in jobs:
        wait_up(cluster, job)
    for k in cluster.nodes:
        begun = now_ms()
        cluster.run("stop-node", str(k))
        assert now_ms() - begun < 20_000, "a daemon does not hold up its node until drain_timeout"
        cluster.run("start-node", str(k))
        cluster.wait_ready()
    for job, worker in zip(jobs, workers):
        wait_up(cluster, job)
        worker.assert_never_two()
        rows = starts(cluster, job)
        assert {row.reason.split(":")[0] for row in rows[:-1]} <= {"node-stopped"}, rows
        for before, after in zip(rows, rows[1:]):
            assert after.started_at - before.ended_at <= MOVED, (before, after)
            assert after.run_server != before.run_server, (before, after)


def test_the_audit_knows_what_was_owed(cluster):
    job = keep(cluster, Worker(cluster, code=1), restart_max_delay=1)
    wait_until(lambda: len(starts(cluster, job)) >= 4, 20, "some starts")
    report = cluster.api(f"/audit?job={job}")
    assert report["totals"]["clean"], report


def test_alone_it_goes_on_after_a_restart_and_a_kill():
    with running_solo() as solo:
        worker = Worker(solo)
        job = keep(solo, worker)
        first = wait_up(solo, job)
        begun = now_ms()
        solo.stop()
        assert now_ms() - begun < 20_000
        solo.start()
        second = wait_up(solo, job, first.scheduled_at)
        assert wait_end(solo, first).reason.startswith("node-stopped")
        solo.kill(solo.pids()[1])
        solo.start()
        wait_up(solo, job, second.scheduled_at)
        assert wait_end(solo, second).state == "lost"
        worker.assert_never_two()


def refusal(cluster, **form):
    answer = cluster.call("POST", "/cron/add", form)
    assert answer.status == 400, answer
    return json.loads(answer.body)["message"]


@pytest.mark.parametrize("name, value, words", [
    ("cronSet", "* * * * *", "cronSet: given for a job of kind daemon, which has none"),
    ("timeout", "5", "timeout: given for a job of kind daemon, which has none"),
    ("retries", "3", "retries: given for a job of kind daemon, which has none"),
    ("max_concurrent", "2", "max_concurrent: given for a job of kind daemon, which has none"),
    ("http_url", "http://localhost/", "http_url: given for a job of kind daemon, which has none"),
    ("restart", "never", "restart: given \"never\"; one of always, on_failure is allowed"),
    ("restart_delay", "0", "restart_delay: given \"0\"; a whole number from 1 to 86400 is allowed"),
    ("start_limit", "101", "start_limit: given \"101\"; a whole number from 0 to 100 is allowed")])
def test_what_a_daemon_has_not_is_refused(cluster, name, value, words):
    assert words in refusal(cluster, kind="daemon", command="true", **{name: value})


def test_what_only_a_daemon_has_is_refused(cluster):
    assert "restart_delay: given for a job of kind command" in refusal(
        cluster, cronSet="* * * * *", command="true", restart_delay="5")
    assert "command: missing" in refusal(cluster, kind="daemon")
    job = keep(cluster, Worker(cluster))
    answer = cluster.call("POST", "/cron/update", {"id": job, "kind": "command"})
    assert answer.status == 400 and "cronSet: missing" in answer.json["message"], answer
