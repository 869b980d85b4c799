"""Runs that failed are tried again: at their time, once, whatever dies, restarts or is away meanwhile."""
import datetime

import pytest

from harness import Witness, let_pass, next_second, now_ms, wait_until

LATE = 3_000  # the promise of a dispatcher's death, in milliseconds


def add_at(cluster, command, second, **more):
    """Adds a job that fires at this Unix second, and has no next fire."""
    moment = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return cluster.api("/cron/add", at=moment, command=command, **more)["id"]


def retries_of(cluster, job):
    return cluster.sql("SELECT id, attempt, state, reason, run_server, retry_at, started_at, ended_at FROM log"
                       f" WHERE cron_id = {job} ORDER BY scheduled_at, attempt")


def wait_attempt(cluster, job, attempt, states, seconds=40):
    def there():
        rows = [row for row in retries_of(cluster, job) if int(row["attempt"]) == attempt and row["state"] in states]
        return rows[0] if rows else None

    return wait_until(there, seconds, lambda: f"attempt {attempt} {states}, but {retries_of(cluster, job)}")


def wait_waiting(cluster, job, attempt=2):
    row = wait_attempt(cluster, job, attempt, {"planned"})
    assert row["retry_at"] is not None and row["run_server"] == "", row
    return row


def until(moment_ms):
    let_pass(max(0.0, (moment_ms - now_ms()) / 1000))


def assert_on_time(row, late=LATE):
    lateness = int(row["started_at"]) - int(row["retry_at"])
    assert 0 <= lateness <= late, f"{lateness} ms late: {row}"


def assert_tried(witness, attempts):
    tried = [int(line.split()[2]) for line in witness.file.read_text().splitlines()]
    assert tried == attempts, f"attempts {tried}"


@pytest.fixture
def flaky():
    def make(cluster, successes_from):
        """A command that fails until that attempt."""
        witness = Witness(cluster)
        return witness, f'{witness.command}; [ "$PEERCRON_ATTEMPT" -ge {successes_from} ]'
    return make


def test_a_job_that_fails_twice_succeeds_by_itself(cluster, flaky):
    witness, command = flaky(cluster, 3)
    command = f"echo last $PEERCRON_LAST_ATTEMPT; {command}"
    job = add_at(cluster, command, next_second(2), retries=3, retry_delay=2)
    third = wait_attempt(cluster, job, 3, {"success"})
    rows = retries_of(cluster, job)
    assert [row["state"] for row in rows] == ["failed", "failed", "success"]
    assert rows[0]["retry_at"] is None
    for before, row, pause in ((rows[0], rows[1], 2000), (rows[1], rows[2], 4000)):
        waited = int(row["retry_at"]) - int(before["ended_at"])
        assert pause * 0.9 <= waited <= pause * 1.1, (waited, pause)
        assert_on_time(row, 200)
    assert_tried(witness, [1, 2, 3])
    shown = cluster.api(f"/log/{third['id']}")
    assert (shown["attempt"], shown["retry_at"]) == (3, int(third["retry_at"]))
    assert shown["output"] == "last 4\n"
    assert cluster.api(f"/cron/{job}")["run_num"] == 1, "one fire"


def test_an_exit_code_that_is_not_named_is_no_reason(cluster, flaky):
    witness = Witness(cluster)
    second = next_second(2)
    named = add_at(cluster, f"{witness.command}; exit 75", second, retries=1, retry_delay=1, retry_on="timeout,70-80")
    other = add_at(cluster, "exit 2", second, retries=1, retry_delay=1, retry_on="failed,!2")
    slow = add_at(cluster, "sleep 100", second, retries=1, retry_delay=1, timeout=1, retry_on="timeout")
    wait_attempt(cluster, named, 2, {"failed"})
    wait_attempt(cluster, slow, 2, {"timeout"})
    assert_tried(witness, [1, 2])
    assert [row["state"] for row in retries_of(cluster, other)] == ["failed"]


def test_the_next_fire_ends_the_wait(cluster):
    job = cluster.add("false", "*/4 * * * * *", retries=2, retry_delay=30)
    row = wait_attempt(cluster, job, 2, {"skipped"})
    assert row["reason"].startswith("superseded: ")
    assert row["started_at"] is None
    let_pass(5)
    assert {row["state"] for row in retries_of(cluster, job) if row["attempt"] == "2"} == {"skipped"}


@pytest.mark.parametrize("how, state, reason", [("stop", "revoked", "job-stopped"), ("delete", "revoked", "job-deleted"),
                                                ("change", "revoked", "job-changed"), ("give-up", "killed", "on-request")])
def test_people_end_the_wait(cluster, flaky, how, state, reason):
    witness, command = flaky(cluster, 2)
    job = add_at(cluster, command, next_second(2), retries=1, retry_delay=6)
    waiting = wait_waiting(cluster, job)
    if how == "change":
        cluster.api("/cron/update", id=job, remark="another")
    elif how == "give-up":
        first = retries_of(cluster, job)[0]["id"]
        answer = cluster.call("POST", f"/run/give-up/{first}")
        assert answer.status == 200 and answer.json["data"]["id"] == int(waiting["id"]), answer
        assert cluster.call("POST", f"/run/give-up/{first}").status == 409
    else:
        cluster.call("POST", f"/cron/{how}/{job}")
    assert wait_attempt(cluster, job, 2, {state}, 5)["reason"].startswith(reason)
    until(int(waiting["retry_at"]) + 2000)
    assert_tried(witness, [1])


def test_people_have_it_tried_again_now(cluster, flaky):
    witness, command = flaky(cluster, 3)
    job = add_at(cluster, command, next_second(2), retries=1, retry_delay=600)
    wait_waiting(cluster, job)
    first = retries_of(cluster, job)[0]["id"]
    for attempt, state in ((2, "failed"), (3, "success")):
        answer = cluster.call("POST", f"/run/retry/{first}")
        assert answer.status == 200, answer
        assert answer.json["data"]["attempt"] == attempt
        wait_attempt(cluster, job, attempt, {state})
    assert cluster.call("POST", f"/run/retry/{first}").status == 409, "it has succeeded"
    assert_tried(witness, [1, 2, 3])
    assert cluster.call("POST", "/run/retry/999999999").status == 404


def test_an_attempt_waits_through_the_death_of_its_dispatcher(victim_cluster, flaky):
    cluster = victim_cluster
    witness, command = flaky(cluster, 2)
    job = add_at(cluster, command, next_second(2), retries=2, retry_delay=8)
    waiting = wait_waiting(cluster, job)
    cluster.run("kill-node", str(cluster.number(cluster.dispatcher())))
    done = wait_attempt(cluster, job, 2, {"success"})
    assert done["retry_at"] == waiting["retry_at"]
    assert_on_time(done)
    assert_tried(witness, [1, 2])


def test_a_failure_that_no_dispatcher_lived_to_hear_of_is_tried_again(victim_cluster, flaky):
    cluster = victim_cluster
    witness = Witness(cluster)
    gate = cluster.witness_file()
    command = f'{witness.command}; while [ ! -e {gate} ]; do sleep 0.1; done; [ "$PEERCRON_ATTEMPT" -ge 2 ]'
    job = add_at(cluster, command, next_second(2), retries=2, retry_delay=1)
    wait_attempt(cluster, job, 1, {"running"})
    runner = cluster.number(retries_of(cluster, job)[0]["run_server"])
    dispatcher = cluster.number(cluster.dispatcher())
    if runner == dispatcher:
        pytest.skip("it runs on the dispatcher's node")
    cluster.run("kill-node", str(dispatcher))
    gate.touch()
    wait_attempt(cluster, job, 2, {"success"})
    assert_tried(witness, [1, 2])


def test_an_attempt_waits_through_the_death_of_all(victim_cluster, flaky):
    cluster = victim_cluster
    witness, command = flaky(cluster, 2)
    soon = add_at(cluster, command, next_second(2), retries=2, retry_delay=45)
    # Handed out only after the last of them is dead: nobody could tell whether it had started there.
    overdue = add_at(cluster, "false", next_second(2), retries=1, retry_delay=16)
    late = wait_waiting(cluster, soon)
    wait_waiting(cluster, overdue)
    for k in cluster.nodes:
        cluster.run("kill-node", str(k))
    let_pass(14)
    for k in cluster.nodes:
        cluster.run("start-node", str(k))
    cluster.wait_ready()
    done = wait_attempt(cluster, soon, 2, {"success"}, 80)
    assert done["retry_at"] == late["retry_at"]
    assert_on_time(done)
    assert_tried(witness, [1, 2])
    wait_attempt(cluster, overdue, 2, {"failed"})  # its time came while nobody was there


def test_it_is_tried_again_while_the_database_is_away(victim_cluster, flaky):
    cluster = victim_cluster
    witness, command = flaky(cluster, 3)
    job = add_at(cluster, command, next_second(3), retries=3, retry_delay=3, retry_max_delay=3)
    let_pass(1)
    cluster.run("stop-server", "mariadb")
    try:
        wait_until(lambda: len(witness.runs()) >= 2, 30, "the second attempt, while nothing can be written")
        let_pass(0.5)  # its end is in the journal of its node, which may be the one that is killed
        victim = cluster.number(cluster.dispatcher())
        cluster.run("kill-node", str(victim))
        let_pass(1)
    finally:
        cluster.run("start-server", "mariadb")
    cluster.run("start-node", str(victim))
    wait_attempt(cluster, job, 3, {"success"}, 60)
    rows = cluster.wait_final([job])
    assert [(row.attempt, row.state) for row in rows] == [(1, "failed"), (2, "failed"), (3, "success")]
    assert_tried(witness, [1, 2, 3])


def test_a_node_that_dies_with_a_run_is_no_failure(victim_cluster):
    cluster = victim_cluster
    job = add_at(cluster, "sleep 1000", next_second(2), retries=2, retry_delay=1)
    running = wait_attempt(cluster, job, 1, {"running"})
    cluster.run("kill-node", str(cluster.number(running["run_server"])))
    wait_attempt(cluster, job, 1, {"lost"})
    let_pass(4)
    assert [row["state"] for row in retries_of(cluster, job)] == ["lost"]


def test_the_audit_is_clean_of_all_that(cluster, flaky):
    witness, command = flaky(cluster, 2)
    job = add_at(cluster, command, next_second(2), retries=2, retry_delay=1)
    wait_attempt(cluster, job, 2, {"success"})
    assert_tried(witness, [1, 2])
    report = cluster.api(f"/audit?job={job}")
    assert report["totals"]["clean"], report


ALSO_SOLO = True
