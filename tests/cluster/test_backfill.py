"""Fires of the past run again, as the same fires: those that were missed, and those that failed."""
import re

from harness import let_pass, now_ms, wait_until


def rows_of(cluster, job):
    return cluster.api(f"/log/list?cron_id={job}&limit=1000")["list"]


def backfill(cluster, job, **more):
    return cluster.api(f"/cron/backfill/{job}", **more)


def progress(cluster, job):
    return cluster.api(f"/cron/{job}/backfills")[0]


def wait_done(cluster, job):
    return wait_until(lambda: progress(cluster, job)["state"] != "running" and progress(cluster, job), 60,
                      lambda: f"the end of {progress(cluster, job)}")


def test_fires_that_failed_run_again_in_order_and_not_at_a_time(cluster):
    witness = cluster.witness_file()
    job = cluster.add("exit 3", cron_set="*/2 * * * * *")
    let_pass(7)
    to = now_ms() // 1000
    cluster.stop_jobs([job])
    rows = cluster.wait_final([job])
    cluster.api("/cron/update", id=job, command=f"echo $PEERCRON_SCHEDULED_AT $PEERCRON_ATTEMPT >> {witness}; sleep 0.2")
    first = min(row.scheduled_at for row in rows) // 1000
    dry = backfill(cluster, job, **{"from": first, "to": to, "only": "failed", "dry_run": 1})
    assert dry["id"] is None and dry["state"] == "dry run" and dry["fires"] >= 2, dry
    assert backfill(cluster, job, **{"from": first - 60, "only": "missing"})["fires"] == 0, "nor before it was, or stopped"
    begun = backfill(cluster, job, **{"from": first, "to": to, "only": "failed"})
    assert begun["fires"] == dry["fires"] and begun["first_fires"] == dry["first_fires"]
    done = wait_done(cluster, job)
    assert (done["state"], done["begun"], done["open"]) == ("done", dry["fires"], 0), done

    again = [row for row in rows_of(cluster, job) if row["requested_by"].startswith(f"backfill {begun['id']} by ")]
    assert sorted(row["scheduled_at"] for row in again) == dry["first_fires"]
    assert {(row["state"], row["attempt"]) for row in again} == {("success", 2)}, again
    by_start = sorted(again, key=lambda row: row["started_at"])
    assert [row["scheduled_at"] for row in by_start] == dry["first_fires"], "the oldest first"
    assert all(one["ended_at"] <= other["started_at"] for one, other in zip(by_start, by_start[1:])), "one at a time"
    assert backfill(cluster, job, **{"from": first, "to": to, "only": "failed", "dry_run": 1})["fires"] == 0
    assert backfill(cluster, job, **{"from": first, "to": to, "only": "all", "dry_run": 1})["fires"] == dry["fires"]

    row = by_start[0]["id"]
    third = cluster.call("POST", f"/run/again/{row}").json["data"]
    assert (third["attempt"], third["scheduled_at"]) == (3, by_start[0]["scheduled_at"])
    wait_until(lambda: any(r["id"] == third["id"] and r["state"] == "success" for r in rows_of(cluster, job)), 20,
               "the run again")


def test_what_nobody_ran_runs_as_the_first_attempt_and_the_audit_knows_it(victim_cluster):
    cluster = victim_cluster
    job = cluster.add("true", cron_set="*/5 * * * * *", misfire_window=1)
    for k in cluster.nodes:
        cluster.run("stop-node", str(k))
    left = now_ms()
    let_pass(12)
    cluster.make_whole()
    wait_until(lambda: any(row["state"] == "success" and row["scheduled_at"] > left for row in rows_of(cluster, job)), 40,
               "fires again")
    missed = [row for row in rows_of(cluster, job) if row["cause"] == "misfire"]
    assert missed, rows_of(cluster, job)
    begun = backfill(cluster, job, **{"from": left // 1000 - 1, "parallel": 2})
    assert begun["fires"] >= 2, begun
    # The next dispatcher goes on with it.
    cluster.run("kill-node", str(cluster.number(cluster.dispatcher())))
    done = wait_done(cluster, job)
    assert (done["state"], done["begun"]) == ("done", begun["fires"]), done
    mine = [row for row in rows_of(cluster, job) if row["requested_by"].startswith("backfill ")]
    fires = [row["scheduled_at"] for row in mine]
    assert sorted(set(fires)) == begun["first_fires"] and len(fires) == len(set(fires)), "each once"
    cluster.stop_jobs([job])
    totals = cluster.api(f"/audit?job={job}")["totals"]
    assert (totals["missing"], totals["doubled"], totals["extra"]) == (0, 0, 0), totals
    assert totals["requested"] >= len(mine), totals


def test_a_backfill_is_stopped_and_what_is_too_much_is_refused(cluster):
    job = cluster.add("sleep 1", cron_set="*/5 * * * * *")
    cluster.stop_jobs([job])
    now = now_ms() // 1000
    begun = backfill(cluster, job, **{"from": now - 3600, "to": now - 60, "only": "all"})
    assert begun["fires"] > 500
    wait_until(lambda: progress(cluster, job)["begun"] >= 1, 30, "a first run")
    stopped = cluster.call("POST", f"/cron/backfill/stop/{begun['id']}").json["data"]
    assert stopped["state"] == "stopped" and stopped["why"].startswith("by "), stopped
    rows = len(rows_of(cluster, job))
    let_pass(4)
    assert len(rows_of(cluster, job)) <= rows + 1, "nothing more of it starts"

    def refused(**more):
        answer = cluster.call("POST", f"/cron/backfill/{job}", more)
        assert answer.status == 400, answer
        return answer.json["message"]

    message = refused(**{"from": now - 30_000, "to": now, "only": "all"})
    assert re.match("from: 600[01] fires would run; a backfill runs at most 5000", message), message
    message = refused(**{"from": now - 10_000_000})
    assert "more than 1000000 fires were due" in message, message
    assert refused(**{"from": now + 60}).startswith("from: not before to")
    assert refused(**{"from": now - 60, "only": "some"}).startswith('only: given "some"; one of missing, failed, all')
    assert refused(**{"from": now - 60, "parallel": 0}).startswith("parallel: given")
