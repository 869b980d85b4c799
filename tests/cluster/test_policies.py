"""What a job's policies do: runs lost with their node, fires that nobody could plan, runs that overlap."""
import pathlib
import re

from harness import EACH_SECOND, FINAL, Witness, let_pass, next_second, now_ms, wait_until


def row_of(cluster, job, attempt=1):
    rows = [row for row in cluster.ledger([job]) if row.attempt == attempt]
    return rows[0] if rows else None


def wait_state(cluster, job, state, attempt=1, seconds=30):
    def there():
        row = row_of(cluster, job, attempt)
        return row if row and row.state == state else None

    return wait_until(there, seconds, lambda: f"attempt {attempt} {state}, but {cluster.ledger([job])}")


# Delivery.

def test_a_run_that_dies_with_its_node_runs_again_when_the_job_wants_that(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    gate = cluster.witness_file()
    command = f"{witness.command}; while [ ! -e {gate} ]; do sleep 0.1; done"
    second = next_second(3)
    wanted = cluster.add_once(command, second, delivery="at_least_once")
    once = cluster.add_once("sleep 1000", second)
    victims = {cluster.number(wait_state(cluster, job, "running").run_server) for job in (wanted, once)}
    for k in victims:
        cluster.run("kill-node", str(k))
    again = wait_state(cluster, wanted, "running", attempt=2)
    assert again.scheduled_at == second * 1000
    gate.touch()
    wait_state(cluster, wanted, "success", attempt=2)
    assert wait_state(cluster, wanted, "lost").reason.startswith("node-died")
    wait_state(cluster, once, "lost")
    assert len(witness.runs()) == 2
    assert [row.attempt for row in cluster.ledger([once])] == [1]


def test_a_run_that_its_stopping_node_had_to_end_runs_again(victim_cluster):
    cluster = victim_cluster
    gate = cluster.witness_file()
    job = cluster.add_once(f"while [ ! -e {gate} ]; do sleep 0.1; done", next_second(3), delivery="at_least_once")
    first = wait_state(cluster, job, "running")
    cluster.run("stop-node", str(cluster.number(first.run_server)))
    assert wait_state(cluster, job, "killed").reason.startswith("node-stopped")
    second = wait_state(cluster, job, "running", attempt=2)
    assert second.run_server != first.run_server
    gate.touch()
    wait_state(cluster, job, "success", attempt=2)


# Misfires.

def test_fires_that_nobody_could_plan_follow_the_policy(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    jobs = {policy: cluster.add(witness.command, misfire_policy=policy) for policy in ("run_all", "run_latest", "skip")}
    let_pass(3)
    for k in cluster.nodes:
        cluster.run("kill-node", str(k))
    down = now_ms()
    let_pass(12)
    up = now_ms()
    for k in cluster.nodes:
        cluster.run("start-node", str(k))
    cluster.wait_ready()
    let_pass(2)
    cluster.stop_jobs(jobs.values())
    cluster.wait_final(jobs.values())
    # Of these seconds nobody had planned anything, and all of them were over when somebody could.
    missed = range((down // 1000 + 4) * 1000, up // 1000 * 1000 - 4000, 1000)
    assert len(missed) >= 1
    for policy, job in jobs.items():
        rows = cluster.ledger([job])
        for moment in missed:
            alone = [row for row in rows if row.scheduled_at == moment and row.fires == 1]
            covered = [row for row in rows if row.fires > 1 and row.scheduled_at <= moment]
            if policy == "run_all":
                assert [row.state for row in alone] == ["success"], (policy, moment, rows)
            else:
                assert covered and covered[0].state == "skipped", (policy, moment, rows)
                assert re.match(rf"misfire-policy: missed .* policy is {policy}$", covered[0].reason), covered
    ran = witness.runs()
    assert len(ran) == len(set(ran)), "nothing ran twice"


# Overlap.

def test_a_queued_fire_starts_when_the_previous_run_has_ended(cluster):
    gate = cluster.witness_file()
    job = cluster.add(f"while [ ! -e {gate} ]; do sleep 0.1; done", overlap="queue")
    wait_until(lambda: [row.state for row in cluster.ledger([job])].count("skipped") >= 2, 30, "a full queue")
    rows = cluster.ledger([job])
    assert [row.state for row in rows[:3]] == ["running", "planned", "skipped"]
    assert all("already waits" in row.reason for row in rows if row.state == "skipped")
    gate.touch()

    def ended():
        return [row for row in cluster.ledger([job]) if row.state == "success"]

    wait_until(lambda: len(ended()) >= 2, 20, "the first, and the one that waited")
    assert ended()[1].started_at >= ended()[0].ended_at


def test_a_waiting_fire_is_taken_back_by_a_version_of_which_the_dispatcher_heard_too_late(cluster):
    gate = cluster.witness_file()
    job = cluster.add(f"while [ ! -e {gate} ]; do sleep 0.1; done", overlap="queue")
    wait_until(lambda: [row.state for row in cluster.ledger([job])].count("skipped") >= 2, 30, "a full queue")
    waiting = next(row for row in cluster.ledger([job]) if row.state == "planned")
    # What two calls write, at once: for a moment the job was due once in a blue moon.
    for moment, cron_set in ((waiting.scheduled_at - 1, "0 0 0 1 1 * 2199"), (waiting.scheduled_at + 1, EACH_SECOND)):
        cluster.sql("INSERT INTO cron_revision (cron_id, effective_from, definition_before, definition_after)"
                    f" SELECT cron_id, {moment}, definition_after, JSON_SET(definition_after, '$.cron_set', '{cron_set}')"
                    f" FROM cron_revision WHERE cron_id = {job} ORDER BY id DESC LIMIT 1")
    cluster.sql(f"UPDATE cron SET effective_from = {waiting.scheduled_at + 1}, changed_at = CURRENT_TIMESTAMP(6),"
                f" effective_set_at = CURRENT_TIMESTAMP(6) WHERE id = {job}")

    def taken_back():
        return [row.scheduled_at for row in cluster.ledger([job]) if row.state == "revoked"]

    wait_until(lambda: waiting.scheduled_at in taken_back(), 20, "the fire is taken back")
    gate.touch()


def test_a_fire_that_replaces_ends_the_run_before_it(cluster):
    job = cluster.add("sleep 1000", overlap="replace")
    wait_until(lambda: [row.state for row in cluster.ledger([job])].count("killed") >= 2, 30, "two that were replaced")
    cluster.api(f"/cron/stop/{job}")
    rows = cluster.ledger([job])
    killed = [row for row in rows if row.state == "killed"]
    assert all(row.reason.startswith("replaced: by job ") for row in killed)
    started = [row for row in rows if row.started_at]
    for before, after in zip(started, started[1:]):
        assert before.ended_at <= after.started_at, "never two at a time"
    for last in cluster.api(f"/log/list?cron_id={job}&state=running")["list"]:
        cluster.call("POST", f"/run/kill/{last['id']}")
    cluster.wait_final([job])


def test_a_job_runs_as_often_at_a_time_as_it_may(cluster):
    gate = cluster.witness_file()
    job = cluster.add(f"while [ ! -e {gate} ]; do sleep 0.1; done", max_concurrent=3)
    wait_until(lambda: [row.state for row in cluster.ledger([job])].count("skipped") >= 2, 30, "some too many")
    rows = cluster.ledger([job])
    running = [row for row in rows if row.state == "running"]
    assert len(running) == 3
    assert len({row.run_server for row in running}) == 1, "all where they are counted"
    assert all(row.reason.startswith("mutex: the job is at its limit of runs") for row in rows if row.state == "skipped")
    gate.touch()
    cluster.stop_jobs([job])
    assert {row.state for row in cluster.wait_final([job])} <= {"success", "skipped", "revoked"}
    assert {"success", "skipped"} <= FINAL
    assert pathlib.Path(gate).exists()
