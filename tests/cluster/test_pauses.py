"""Pauses: what is due in one does not start, also at the next dispatcher; it ends by itself, and every fire has its row."""
import datetime
import json
import subprocess

import pytest

from harness import BINARY, Witness, let_pass, now_ms, wait_until

# A pause holds when its call is answered; one that a person ends may skip what is planned already.
LOOKAHEAD = 2_000


def moment(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def paused(request):
    """Pauses of a shared cluster, which are ended in the end."""
    clusters = []

    def make(cluster, **fields):
        clusters.append(cluster)
        return cluster.api("/pause", **fields)

    yield make
    for cluster in clusters:
        for pause in cluster.api("/pause/list"):
            cluster.api("/resume", id=pause["id"])


def whole_second(ahead):
    return (now_ms() // 1000 + ahead) * 1000


def planned_past(cluster, job, ms, seconds=30):
    """The rows of the job when the plan is past that moment."""
    wait_until(lambda: int(cluster.sql("SELECT planned_through FROM term")[0]["planned_through"]) > ms, seconds,
               f"the plan is past {ms}")
    return [row for row in rows_of(cluster, job) if row["state"] != "revoked"]


def rows_of(cluster, job):
    return [{"at": int(row["scheduled_at"]), "state": row["state"], "reason": row["reason"], "fires": int(row["fires"]),
             "end": int(row["gap_end"] or row["scheduled_at"])}
            for row in cluster.sql("SELECT scheduled_at, state, reason, fires, gap_end FROM log"
                                   f" WHERE cron_id = {job} ORDER BY scheduled_at")]


def fires_of(rows):
    """Each second that a row stands for, with its reason where it was skipped."""
    seconds = {}
    for row in rows:
        stands_for = range(row["at"], row["end"] + 1, 1000)
        assert len(stands_for) == row["fires"], row
        for second in stands_for:
            assert second not in seconds, f"two rows for {second}: {rows}"
            seconds[second] = row["reason"] if row["state"] == "skipped" else ""
    return seconds


def assert_every_fire(rows, first, last):
    """Without a gap from the first row to the last, and at least from that moment to that one."""
    seconds = fires_of(rows)
    assert set(range(first, last + 1, 1000)) <= set(seconds), (first, last, rows)
    return seconds


def assert_audit_is_clean(cluster, job):
    report = cluster.api(f"/audit?job={job}")
    assert report["totals"]["clean"], report


def test_a_pause_of_a_tag_ends_by_itself_at_its_second(cluster, paused):
    witness, other = Witness(cluster), Witness(cluster)
    job = cluster.add(witness.command, tags="db,nightly")
    free = cluster.add(other.command)
    wait_until(lambda: witness.runs() and other.runs(), 20, "both run")
    until = whole_second(9)
    pause = paused(cluster, tag="db", until=moment(until), reason="db upgrade")
    begin = -(-pause["begins_at"] // 1000) * 1000
    assert cluster.api(f"/cron/{job}")["paused"]["reason"] == "db upgrade"
    assert cluster.api(f"/cron/{job}")["next_run_at"] == until
    assert cluster.api(f"/cron/{free}")["paused"] is None
    shown = subprocess.run([str(BINARY), "pause", "list", "--url", cluster.url], capture_output=True, text=True).stdout
    assert "tag db" in shown and "db upgrade" in shown and "paused" in shown, shown
    rows = planned_past(cluster, job, until + 3000)
    seconds = assert_every_fire(rows, begin, until + 3000)
    for second in range(begin, until, 1000):
        assert seconds[second] == f"paused: db upgrade ({pause['made_by']})", (second, rows)
    assert seconds[until] == seconds[until + 1000] == "", rows
    runs = {at for _, at in witness.runs()}
    assert not runs & set(range(begin, until, 1000)), sorted(runs)
    assert set(range(begin, until, 1000)) <= {at for _, at in other.runs()}
    skipped = [row for row in rows if row["state"] == "skipped"]
    assert max(row["fires"] for row in skipped) >= 3, f"the rest is one row: {skipped}"
    assert cluster.api(f"/cron/{job}")["paused"] is None
    cluster.stop_jobs([job, free])
    cluster.wait_final([job, free])
    assert_audit_is_clean(cluster, job)


def test_a_pause_of_everything_is_seen_everywhere_until_somebody_ends_it(cluster, paused):
    witness = Witness(cluster)
    job = cluster.add(witness.command)
    wait_until(witness.runs, 20, "it runs")
    pause = paused(cluster, reason="move")
    assert pause["until"] is None and pause["active"]
    wait_until(lambda: cluster.api("/health")["paused"] == f"move ({pause['made_by']})", 20, "health says it")
    assert [other["id"] for other in cluster.api("/overview")["pauses"]] == [pause["id"]]
    assert cluster.api(f"/cron/{job}")["next_run_at"] is None
    assert all(fire["excluded"].startswith("paused: move") for fire in cluster.api("/forecast/fires")["list"])
    run = cluster.call("POST", f"/cron/run/{job}").json["data"]["id"]
    wait_until(lambda: cluster.api(f"/log/{run}")["state"] == "success", 20, "what a person asks for runs")
    let_pass(2)
    ended = cluster.call("POST", "/resume").json["data"]
    assert [other["id"] for other in ended] == [pause["id"]]
    wait_until(lambda: any(at > ended[0]["ended_at"] for _, at in witness.runs() if at % 1000 == 0), 20, "it runs again")
    begin = -(-pause["begins_at"] // 1000) * 1000
    rows = [row for row in planned_past(cluster, job, ended[0]["ended_at"] + LOOKAHEAD) if row["at"] % 1000 == 0]
    seconds = assert_every_fire(rows, begin, ended[0]["ended_at"] // 1000 * 1000)
    assert all(why.startswith("paused: move") for at, why in seconds.items() if begin <= at <= ended[0]["ended_at"])
    assert not any(why for at, why in seconds.items() if at > ended[0]["ended_at"] + LOOKAHEAD + 1000), seconds
    # Not the first second of the pause: somebody's run may be of that.
    why = cluster.api(f"/cron/{job}/why?at={moment(ended[0]['ended_at'] // 1000 * 1000)}")
    assert why["verdict"] == "skipped" and any(fact["about"] == "pause" for fact in why["facts"]), why
    cluster.stop_jobs([job])
    cluster.wait_final([job])
    assert_audit_is_clean(cluster, job)


def test_a_job_is_stopped_until_a_moment(cluster):
    witness = Witness(cluster)
    job = cluster.add(witness.command, name="until")
    wait_until(witness.runs, 20, "it runs")
    until = whole_second(4)
    stopped = subprocess.run([str(BINARY), "job", "stop", "until", "--until", moment(until), "--reason", "no disk",
                              "--json", "--url", cluster.url], capture_output=True, text=True, check=True)
    pause = json.loads(stopped.stdout)["paused"]
    assert (pause["cron_id"], pause["reason"]) == (job, "no disk"), pause
    assert not cluster.api(f"/cron/{job}")["stop"]
    rows = planned_past(cluster, job, until + 1000)
    seconds = assert_every_fire(rows, -(-pause["begins_at"] // 1000) * 1000, until + 1000)
    assert seconds[until - 1000].startswith("paused: no disk (") and seconds[until] == "", rows
    refused = cluster.call("POST", f"/cron/stop/{job}", {"until": moment(now_ms() - 5000)})
    assert refused.status == 400 and "must be later than now" in refused.json["message"], refused


def test_a_daemon_is_down_in_a_pause_and_up_after_it(cluster, paused):
    job = cluster.api("/cron/add", kind="daemon", command="exec sleep 1000")["id"]

    def starts(state):
        return [row for row in cluster.ledger([job]) if row.state == state]

    wait_until(lambda: starts("running"), 20, "it is up")
    until = whole_second(5)
    paused(cluster, until=moment(until), reason="upgrade")
    wait_until(lambda: starts("killed"), 20, "it is ended")
    assert starts("killed")[0].reason.startswith("paused: upgrade ("), starts("killed")
    assert not starts("running")
    wait_until(lambda: starts("running"), 20, "it is up again")
    again = starts("running")[0]
    assert until <= again.started_at <= until + 3000, again
    assert_audit_is_clean(cluster, job)


def test_what_runs_after_others_does_not_start_in_a_pause_either(cluster, paused):
    parents, children = Witness(cluster), Witness(cluster)
    job = cluster.add(parents.command, name="paused-extract")
    child = cluster.api("/cron/add", command=children.command, run_after="paused-extract")["id"]
    wait_until(children.runs, 20, "the child runs")
    cluster.api(f"/cron/stop/{child}", until=moment(whole_second(60)))

    def skipped():
        return [row["at"] for row in rows_of(cluster, child) if row["reason"].startswith("paused: by ")]

    wait_until(lambda: len(skipped()) >= 3, 20, "fires of the child alone are skipped")
    assert set(skipped()) <= {at for _, at in parents.runs()}
    assert not set(skipped()) & {at for _, at in children.runs()}
    cluster.api(f"/cron/start/{child}")
    until = whole_second(5)
    begin = -(-paused(cluster, until=moment(until), reason="upgrade")["begins_at"] // 1000) * 1000
    rows = planned_past(cluster, job, until + 2000)
    wait_until(lambda: until + 2000 in fires_of(rows_of(cluster, child)), 20, "the child fires behind the pause")
    seconds = assert_every_fire(rows, begin, until + 2000)
    after = assert_every_fire(rows_of(cluster, child), begin, until + 2000)
    for second in range(begin, until, 1000):
        assert seconds[second].startswith("paused: upgrade ("), (second, rows)
        assert after[second] == "parent: paused-extract was skipped (paused)", (second, rows_of(cluster, child))
    assert seconds[until] == after[until] == ""
    cluster.stop_jobs([child, job])
    cluster.wait_final([child, job])
    assert_audit_is_clean(cluster, child)
    assert_audit_is_clean(cluster, job)


def test_it_survives_the_death_of_the_dispatcher(victim_cluster, paused):
    cluster = victim_cluster
    witness = Witness(cluster)
    job = cluster.add(witness.command)
    wait_until(witness.runs, 20, "it runs")
    pause = paused(cluster, reason="upgrade")
    begin = -(-pause["begins_at"] // 1000) * 1000
    let_pass(2)  # the job was changed less than 5 s ago: the next dispatcher looks at its fires again
    before = cluster.dispatcher()
    cluster.run("kill-node", str(cluster.number(before)))
    wait_until(lambda: cluster.dispatcher() not in ("", before), 30, "another node dispatches")
    let_pass(3)
    ended = cluster.api("/resume", id=pause["id"])[0]["ended_at"]
    wait_until(lambda: any(at > ended for _, at in witness.runs()), 30, "it runs again")
    rows = planned_past(cluster, job, ended + LOOKAHEAD)
    seconds = assert_every_fire(rows, begin, ended // 1000 * 1000)
    assert all(seconds[at].startswith("paused: upgrade (") for at in range(begin, ended // 1000 * 1000, 1000)), rows
    assert not {at for _, at in witness.runs()} & set(range(begin, ended // 1000 * 1000, 1000))
    cluster.stop_jobs([job])
    cluster.wait_final([job])
    assert_audit_is_clean(cluster, job)
