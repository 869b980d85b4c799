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
    cluster.stop_jobs(jobs)
    stopped = now_ms()

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
