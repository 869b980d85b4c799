"""Runs that people ask for, runs that they end, and jobs that run a limited number of times."""
from harness import EACH_SECOND, assert_each_fire_once, let_pass, next_second, now_ms, wait_until

ALSO_SOLO = True

NEVER = "0 0 0 1 1 * 2199"


def row_of(cluster, run):
    return cluster.api(f"/log/{run}")


def wait_state(cluster, run, *states, seconds=20):
    wait_until(lambda: row_of(cluster, run)["state"] in states, seconds,
               lambda: f"one of {states}, but {row_of(cluster, run)}")
    return row_of(cluster, run)


def log_rows(cluster, job, **query):
    words = "&".join(f"{key}={value}" for key, value in {"cron_id": job, "limit": 1000, **query}.items())
    return cluster.api(f"/log/list?{words}")["list"]


def test_a_job_runs_now_on_request_at_any_node_and_the_row_says_who_asked(cluster):
    job = cluster.add("echo by hand", NEVER, stop=1)
    for k in cluster.nodes:
        asked = now_ms()
        row = cluster.call("POST", f"/cron/run/{job}", node=k).json["data"]
        assert row["cron_id"] == job and row["requested_by"] == "anonymous at 127.0.0.1", row
        assert asked <= row["scheduled_at"] <= now_ms() + 10
        ended = wait_state(cluster, row["id"], "success")
        assert ended["output"] == "by hand\n" and ended["requested_by"] == "anonymous at 127.0.0.1"
    assert cluster.api(f"/cron/{job}")["run_num"] == len(cluster.nodes)


def test_a_request_beside_the_schedule_takes_no_fire_away(cluster):
    job = cluster.add("true")
    let_pass(2)
    for _ in range(10):
        assert cluster.call("POST", f"/cron/run/{job}").status == 200
    let_pass(2)
    cluster.stop_jobs([job])
    rows = cluster.wait_final([job])
    by_hand = [row for row in rows if row.scheduled_at % 1000 != 0]
    assert len(by_hand) == 10 and {row.state for row in by_hand} == {"success"}, by_hand
    planned = [row for row in rows if row.scheduled_at % 1000 == 0]
    first, last = planned[0].scheduled_at, planned[-1].scheduled_at
    assert_each_fire_once(planned, [job], range(first, last + 1, 1000))


def test_a_run_on_request_keeps_to_the_mutex(cluster):
    job = cluster.add("sleep 3", NEVER, is_mutex=1)
    first = cluster.call("POST", f"/cron/run/{job}").json["data"]["id"]
    wait_state(cluster, first, "running")
    second = cluster.call("POST", f"/cron/run/{job}").json["data"]["id"]
    skipped = wait_state(cluster, second, "skipped")
    assert skipped["reason"].startswith("mutex"), skipped
    assert wait_state(cluster, first, "success")


def test_a_running_command_and_its_children_are_killed_on_request_at_any_node(cluster):
    for k in cluster.nodes:
        # The second process must not outlive the first.
        job = cluster.add("sleep 611 & sleep 611; echo not reached", NEVER)
        run = cluster.call("POST", f"/cron/run/{job}").json["data"]["id"]
        wait_state(cluster, run, "running")
        answer = cluster.call("POST", f"/run/kill/{run}", node=k)
        assert answer.status == 200, answer
        row = wait_state(cluster, run, "killed")
        assert row["reason"].startswith("on-request: anonymous at 127.0.0.1"), row
        again = cluster.call("POST", f"/run/kill/{run}", node=k)
        assert again.status == 409 and "killed" in again.json["message"], again


def test_a_fire_that_has_not_started_is_killed_before_it_starts(cluster):
    witness = cluster.witness_file()
    second = next_second(1)
    job = cluster.add_once(f"echo ran > {witness}", second)
    rows = wait_until(lambda: log_rows(cluster, job, state="planned"), 5, "the planned row")
    answer = cluster.call("POST", f"/run/kill/{rows[0]['id']}")
    assert answer.status == 200, answer
    row = wait_state(cluster, rows[0]["id"], "killed", "success")
    if row["state"] == "killed":  # else it was too late
        let_pass(2)
        assert not witness.exists() and row["started_at"] is None, row


def test_unknown_jobs_and_runs_are_not_found(cluster):
    for target in ("/cron/run/999999999", "/run/kill/999999999"):
        assert cluster.call("POST", target).status == 404
        assert cluster.call("GET", target).status == 405
    assert cluster.call("GET", "/log/999999999").status == 404


def test_a_limited_job_runs_exactly_so_often(cluster):
    jobs = {cluster.add("true", run_limit=limit): limit for limit in (1, 3, 5)}
    wait_until(lambda: all(cluster.api(f"/cron/{job}")["run_num"] == limit for job, limit in jobs.items()), 30, "all runs")
    let_pass(3)
    rows = cluster.wait_final(jobs)
    for job, limit in jobs.items():
        of_job = [row for row in rows if row.cron_id == job]
        assert len(of_job) == limit and {row.state for row in of_job} == {"success"}, of_job
        shown = cluster.api(f"/cron/{job}")
        assert shown["run_num"] == limit and shown["next_run_at"] is None and shown["next"] == [], shown
        assert shown["last_run_at"] >= of_job[-1].scheduled_at


def test_a_limit_that_is_raised_goes_on(cluster):
    job = cluster.add("true", run_limit=1)
    wait_until(lambda: cluster.api(f"/cron/{job}")["run_num"] == 1, 10, "the first run")
    cluster.api("/cron/update", id=job, run_limit=3)
    wait_until(lambda: cluster.api(f"/cron/{job}")["run_num"] == 3, 30, "two more runs")
    let_pass(3)
    assert cluster.api(f"/cron/{job}")["run_num"] == 3
    assert len(cluster.wait_final([job])) == 3


def test_a_mutex_job_with_a_limit_counts_runs_and_not_skipped_fires(cluster):
    job = cluster.add("sleep 2.5", run_limit=2, is_mutex=1)
    wait_until(lambda: cluster.api(f"/cron/{job}")["run_num"] == 2, 30, "two runs")
    let_pass(3)
    rows = cluster.wait_final([job])
    assert sum(row.state == "success" for row in rows) == 2, rows


def test_a_timer_fires_once_at_its_moment(cluster):
    due = next_second(2)
    at = cluster.api("/cron/add", command="echo at", at=due)
    after = cluster.api("/cron/add", command="echo after", after=2)
    assert at["next_run_at"] == due * 1000
    let_pass(6)
    rows = cluster.wait_final([at["id"], after["id"]])
    assert sorted(row.output for row in rows) == ["after\n", "at\n"], rows
    assert [row.scheduled_at for row in rows if row.output == "at\n"] == [due * 1000]
    assert cluster.api(f"/cron/{at['id']}")["next_run_at"] is None


def test_a_ticker_fires_at_every_multiple_of_its_interval(cluster):
    job = cluster.api("/cron/add", command="true", every="2s")["id"]
    let_pass(7)
    cluster.stop_jobs([job])
    moments = [row.scheduled_at for row in cluster.wait_final([job]) if row.state == "success"]
    assert len(moments) >= 3 and all(moment % 2000 == 0 for moment in moments), moments


def test_adding_a_named_job_twice_is_an_update_when_asked(cluster):
    first = cluster.api("/cron/add", 1, command="echo 1", cronSet=EACH_SECOND, name="the-job")
    answer = cluster.call("POST", "/cron/add", {"command": "echo 2", "cronSet": EACH_SECOND, "name": "the-job"}, node=2)
    assert answer.status == 409 and "the-job" in answer.json["message"], answer
    for k in cluster.nodes:
        again = cluster.api("/cron/add", k, command="echo 2", cronSet=EACH_SECOND, name="the-job", replace=1)
        assert again["id"] == first["id"] and again["command"] == "echo 2"
    assert cluster.api("/cron/list?name=the-job")["total"] == 1


def test_a_limit_holds_when_the_dispatcher_dies(victim_cluster):
    cluster = victim_cluster
    jobs = [cluster.add("true", run_limit=12) for _ in range(10)]
    let_pass(4)
    cluster.run("kill-node", str(cluster.number(cluster.dispatcher())))
    wait_until(lambda: all(cluster.api(f"/cron/{job}")["run_num"] == 12 for job in jobs), 60, "all runs")
    let_pass(3)
    rows = cluster.wait_final(jobs)
    for job in jobs:
        of_job = [row for row in rows if row.cron_id == job]
        ran = [row for row in of_job if row.state not in ("skipped", "revoked")]
        assert len(ran) == 12, of_job
        assert cluster.api(f"/cron/{job}")["run_num"] == 12
