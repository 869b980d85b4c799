"""A job with is_mutex never overlaps itself, wherever it runs."""
import itertools

from harness import assert_each_fire_once, due_seconds, let_pass, now_ms, wait_until


def test_a_mutex_job_never_overlaps_itself_and_each_skipped_fire_says_why(cluster):
    witness = cluster.witness_file()
    lock = cluster.witness_file()

    def add(k):
        # What the rows say is checked against the kernel: the lock is held while the command runs.
        command = (f"exec 9> {lock}$PEERCRON_JOB_ID; flock -n 9 || echo overlap $PEERCRON_JOB_ID >> {witness};"
                   f" echo run $PEERCRON_JOB_ID >> {witness}; sleep 3")
        return cluster.add(command, node=k, is_mutex=1)

    jobs = {add(k): now_ms() for k in cluster.nodes}
    let_pass(19)
    stopped = now_ms()
    cluster.stop_jobs(jobs)

    rows = [row for row in cluster.wait_final(jobs) if row.state != "revoked"]
    assert "overlap" not in witness.read_text()
    for job, added in jobs.items():
        of_job = [row for row in rows if row.cron_id == job]
        assert_each_fire_once(of_job, [job], due_seconds(added, stopped - 3000))
        runs = [row for row in of_job if row.state == "success"]
        assert len(runs) >= 3, of_job
        assert witness.read_text().splitlines().count(f"run {job}") == len(runs)
        for earlier, later in itertools.pairwise(sorted(runs, key=lambda row: row.started_at)):
            assert earlier.ended_at <= later.started_at, (earlier, later)
        skipped = [row for row in of_job if row.state != "success"]
        assert skipped and {row.state for row in skipped} == {"skipped"}, skipped
        wrong = [row for row in skipped if not row.reason.startswith("mutex") or row.started_at is not None]
        assert not wrong, wrong


def test_a_job_without_mutex_overlaps_itself(cluster):
    job = cluster.add("sleep 3")
    let_pass(5)
    cluster.stop_jobs([job])
    runs = [row for row in cluster.wait_final([job]) if row.state == "success"]
    assert any(earlier.ended_at > later.started_at for earlier, later in itertools.pairwise(runs)), runs


def test_a_mutex_set_by_an_update_holds(cluster):
    job = cluster.add("sleep 2")
    wait_until(lambda: cluster.ledger([job]), 10, "the first row")
    assert cluster.api("/cron/update", id=job, is_mutex=1)["is_mutex"] is True
    updated = now_ms()
    let_pass(8)
    cluster.stop_jobs([job])
    rows = [row for row in cluster.wait_final([job]) if row.scheduled_at > updated]
    runs = [row for row in rows if row.state == "success"]
    assert len(runs) >= 2
    for earlier, later in itertools.pairwise(sorted(runs, key=lambda row: row.started_at)):
        assert earlier.ended_at <= later.started_at, (earlier, later)
    assert any(row.state == "skipped" and row.reason.startswith("mutex") for row in rows)


def test_a_mutex_run_of_a_node_that_hangs_has_ended_before_another_starts(victim_cluster):
    cluster = victim_cluster
    witness = cluster.witness_file()
    lock = cluster.witness_file()
    job = cluster.add(f"exec 9> {lock}; flock -n 9 || echo overlap >> {witness}; echo run >> {witness};"
                      " while :; do sleep 0.2; done", is_mutex=1)

    def running():
        return [row for row in cluster.ledger([job]) if row.state == "running"]

    first = wait_until(running, 20, "a run")[0]
    wait_until(lambda: witness.exists() and "run" in witness.read_text(), 10, "the command")
    k = cluster.number(first.run_server)
    cluster.run("pause-node", str(k))
    second = wait_until(lambda: [row for row in running() if row.run_server != first.run_server], 40, "a run elsewhere")
    cluster.run("resume-node", str(k))
    assert witness.read_text().split() == ["run", "run"], "never two at a time"
    ended = wait_until(lambda: [row for row in cluster.ledger([job]) if row.scheduled_at == first.scheduled_at
                                and row.state == "fenced"], 20, lambda: f"fenced: {cluster.ledger([job])[:3]}")
    assert ended[0].reason.startswith("node-isolated")
    skipped = [row for row in cluster.ledger([job]) if first.scheduled_at < row.scheduled_at < second[0].scheduled_at]
    # Those that it had been given when it was stopped: nobody knew whether they would start.
    given = {"lost": {"node-died"}, "skipped": {"mutex", "node-isolated", "owner-unreachable", "misfire", "replaced"}}
    assert all(row.reason.split(":")[0] in given.get(row.state, ()) for row in skipped), skipped
    assert {row.state for row in skipped} >= {"skipped"}
    cluster.api(f"/cron/delete/{job}")
