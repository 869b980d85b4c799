"""Jobs that share a lock never run together, on whichever nodes they are, and whatever dies."""
import itertools

from harness import let_pass, wait_until


def guarded(cluster, witness, seconds):
    """A command that tells when the kernel sees two of them at a time."""
    lock = cluster.witness_file()
    return (f"exec 9> {lock}; flock -n 9 || echo overlap >> {witness}; echo run >> {witness}; sleep {seconds}")


def started(rows):
    return sorted((row for row in rows if row.started_at is not None), key=lambda row: row.started_at)


def test_jobs_that_share_a_lock_never_overlap(cluster):
    witness = cluster.witness_file()
    command = guarded(cluster, witness, 1.2)
    waits = cluster.add(command, node=1, locks="db", overlap="queue")
    skips = cluster.add(command, node=2, locks="db,other")
    limited = cluster.add(command, node=3, locks="other,db", is_mutex=1)
    jobs = [waits, skips, limited]
    let_pass(12)
    listed = {lock["name"]: lock for lock in cluster.api("/lock/list")}
    assert listed["db"]["limit"] == 1 and listed["db"]["is_set"] is False and listed["db"]["jobs"] == 3
    wait_until(lambda: any(lock["owners"] for lock in cluster.api("/lock/list")), 10, "an owner")
    cluster.stop_jobs(jobs)

    rows = cluster.wait_final(jobs)
    assert "overlap" not in witness.read_text()
    runs = started(rows)
    assert len(runs) >= 5, rows
    for earlier, later in itertools.pairwise(runs):
        assert earlier.ended_at <= later.started_at, (earlier, later)
    assert len({row.run_server for row in runs}) == 1, "they are at one node together"
    assert [row for row in runs if row.cron_id == waits], "it waits for its turn"
    for row in rows:
        if row.state == "skipped":
            assert row.reason.split(":")[0] in ("lock", "mutex"), row
    held = [row.reason for row in rows if row.reason.startswith("lock: job ")]
    assert any("holds the lock" in reason for reason in held), rows


def test_a_limit_counts_from_when_the_call_returns(cluster):
    command = "sleep 0.7"
    assert cluster.api("/lock/set", name="ftp", limit=2)["limit"] == 2
    jobs = [cluster.add(command, locks="ftp:2", overlap="queue"), cluster.add(command, locks="ftp", overlap="queue"),
            cluster.add(command, locks="ftp", overlap="queue")]
    weights = dict(zip(jobs, (2, 1, 1)))
    let_pass(7)
    cluster.stop_jobs(jobs)
    runs = started(cluster.wait_final(jobs))

    def most_taken(runs):
        return max(sum(weights[other.cron_id] for other in runs
                       if other.started_at <= run.started_at < other.ended_at) for run in runs)

    assert {row.cron_id for row in runs} == set(jobs)
    assert most_taken(runs) == 2, runs

    refused = cluster.call("POST", "/lock/set", {"name": "ftp", "limit": 1})
    assert refused.status == 409 and "takes 2 of it" in refused.json["message"], refused
    cluster.api(f"/cron/delete/{jobs[0]}")
    assert cluster.api("/lock/set", name="ftp", limit=1)["limit"] == 1
    for job in jobs[1:]:
        cluster.api(f"/cron/start/{job}")
    last = max(run.scheduled_at for run in runs)
    let_pass(6)
    cluster.stop_jobs(jobs[1:])
    later = [row for row in started(cluster.wait_final(jobs[1:])) if row.scheduled_at > last]
    assert len(later) >= 3 and most_taken(later) == 1, later
    assert cluster.api("/lock/delete", name="ftp")["is_set"] is False


def test_a_lock_is_not_taken_twice_when_its_holder_and_the_dispatcher_die(victim_cluster):
    cluster = victim_cluster
    witness = cluster.witness_file()
    command = guarded(cluster, witness, 3)
    jobs = [cluster.add(command, node=k, locks="db", overlap=overlap) for k, overlap in ((1, "queue"), (2, "skip"))]

    def running():
        return [row for row in cluster.ledger(jobs) if row.state == "running"]

    for victim in ("holder", "dispatcher"):
        holder = wait_until(running, 30, "a run")[0].run_server
        before = len(started(cluster.ledger(jobs)))
        k = cluster.number(holder if victim == "holder" else cluster.dispatcher())
        cluster.run("kill-node", str(k))
        wait_until(lambda: len(started(cluster.ledger(jobs))) >= before + 2, 40, "further runs")
        cluster.make_whole()
    cluster.stop_jobs(jobs)
    rows = cluster.wait_final(jobs)
    assert "overlap" not in witness.read_text(), rows
    assert len({row.run_server for row in started(rows)}) >= 2, "they have moved"
