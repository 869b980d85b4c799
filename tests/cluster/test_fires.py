"""Jobs run when they are due, once, on all nodes, and every change holds from the reply on."""
import base64
import collections
import json
import threading
import time

from harness import EACH_SECOND, assert_each_fire_once, due_seconds, let_pass, next_second, now_ms, wait_until


def test_fifty_jobs_each_second_run_exactly_once_on_all_three_nodes(cluster):
    command = "echo $PEERCRON_JOB_ID $PEERCRON_SCHEDULED_AT $PEERCRON_ATTEMPT $PEERCRON_NODE $PEERCRON_EPOCH"
    end = next_second(32)
    added = {cluster.add(command, end_time=end): now_ms() for _ in range(50)}
    dispatcher = cluster.node_list()["dispatcher"]
    wait_until(lambda: time.time() > end + 1, 60, "the end of the jobs")

    rows = cluster.wait_final(added)
    for job, reply in added.items():
        of_job = [row for row in rows if row.cron_id == job]
        assert_each_fire_once(of_job, [job], due_seconds(reply, end * 1000))
        assert max(row.scheduled_at for row in of_job) < end * 1000
    others = [row for row in rows if row.state != "success" or row.attempt != 1 or row.exit_code != 0]
    assert not others, others[:5]
    for row in rows:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(row.scheduled_at / 1000))
        assert row.output == f"{row.cron_id} {moment} 1 {row.run_server} {row.epoch}\n"
        assert row.scheduled_at <= row.started_at <= row.ended_at
    assert {row.dispatch_server for row in rows} == {dispatcher}
    work = collections.Counter(row.run_server for row in rows)
    assert set(work) == set(cluster.names), work


def test_consul_shows_three_nodes_with_passing_checks_and_who_dispatches(cluster):
    services = cluster.consul("health/service/peercron")
    assert sorted(f"{s['Service']['Address']}:{s['Service']['Port']}" for s in services) == cluster.names
    for service in services:
        assert len(service["Checks"]) >= 3  # the machine's own, the port, the node's word
        assert {check["Status"] for check in service["Checks"]} == {"passing"}
        k = cluster.number(f"{service['Service']['Address']}:{service['Service']['Port']}")
        assert service["Service"]["Meta"]["http_address"] == f"127.0.0.1:{cluster.http_port(k)}"

    [lock] = cluster.consul("kv/peercron/dispatcher")
    holder = json.loads(base64.b64decode(lock["Value"]))["node"]
    [session] = cluster.consul(f"session/info/{lock['Session']}")
    assert session["Name"].endswith(holder)
    for k in cluster.nodes:
        state = cluster.node_list(k)
        assert state["dispatcher"] == holder
        assert state["epoch"] == lock["LockIndex"] + lock["Flags"]
        assert [node["name"] for node in state["nodes"]] == cluster.names
        assert all(node["passing"] and node["connected"] and not node["draining"] for node in state["nodes"])
        assert [node["name"] for node in state["nodes"] if node["is_dispatcher"]] == [holder]


def test_start_time_and_end_time_hold_to_the_second(cluster):
    start = next_second(3)
    jobs = {cluster.add("true", start_time=start, end_time=start + 4): (start, start + 4),
            cluster.add("true", start_time=start + 1, end_time=start + 2): (start + 1, start + 2),
            cluster.add("true", end_time=start + 3): (0, start + 3),
            cluster.add("true", start_time=start + 2): (start + 2, 2**40),
            cluster.add("true", start_time=start - 100, end_time=start - 50): (1, 2)}
    added = now_ms()
    wait_until(lambda: time.time() > start + 7, 30, "the end of the windows")
    stopped = now_ms()
    cluster.stop_jobs(jobs)

    rows = [row for row in cluster.wait_final(jobs) if row.state != "revoked"]
    for job, (first, end) in jobs.items():
        of_job = [row for row in rows if row.cron_id == job]
        assert {row.state for row in of_job} <= {"success"}
        outside = [row.scheduled_at for row in of_job if not first * 1000 <= row.scheduled_at < end * 1000]
        assert not outside, f"job {job} fired outside of {first} to {end}: {outside}"
        # What fell due just before the stop may have been taken back.
        within = due_seconds(max(added, first * 1000 - 1), min(end * 1000, stopped - 3000))
        assert_each_fire_once(of_job, [job], within)


def test_an_end_time_set_by_an_update_holds_from_the_reply_on(cluster):
    job = cluster.add("true")
    wait_until(lambda: starts(cluster, job), 15, "the job fires")
    end = now_ms() // 1000
    cluster.api("/cron/update", id=job, end_time=end)
    replied = now_ms() + 1
    let_pass(3)
    late = [row for row in cluster.wait_final([job]) if row.started_at is not None and row.started_at > replied]
    assert not late, f"ended at {end}, updated at {replied}: {late}"


def starts(cluster, job):
    return [row.started_at for row in cluster.ledger([job]) if row.started_at is not None]


def test_stop_and_start_at_any_node_hold_from_the_reply_on(cluster):
    """Several jobs at once, so that the calls come at all moments of a second."""
    failures = []

    def stop_and_start(index):
        try:
            job = cluster.add("true", node=index % 3 + 1)
            for turn in range(4):
                wait_until(lambda: any(start >= begun for start in starts(cluster, job)) if turn else
                           starts(cluster, job), 15, f"job {job} fires after its start")
                let_pass(0.13 * index)
                answer = cluster.api(f"/cron/stop/{job}", node=(index + turn) % 3 + 1)
                stopped = now_ms() + 1
                assert answer["stop"] is True
                let_pass(2.5)
                begun = now_ms()
                answer = cluster.api(f"/cron/start/{job}", node=(index + turn + 1) % 3 + 1)
                assert answer["stop"] is False
                meanwhile = [start for start in starts(cluster, job) if stopped < start < begun]
                assert not meanwhile, f"job {job}, stopped at {stopped}, started at {meanwhile}"
            cluster.api(f"/cron/stop/{job}")
            rows = cluster.wait_final([job])
            assert {row.state for row in rows} <= {"success", "revoked"}, rows
            assert all(row.reason.startswith(("job-stopped", "job-changed")) for row in rows
                       if row.state == "revoked"), rows
        except BaseException as failure:
            failures.append(failure)

    in_parallel(stop_and_start, 8)
    assert not failures, failures


def test_an_updated_command_is_the_only_one_from_the_reply_on(cluster):
    failures = []

    def update(index):
        try:
            job = cluster.add("echo version 0", node=index % 3 + 1)
            replies = []
            for version in range(1, 6):
                let_pass(1.5 + 0.07 * index)
                called = now_ms()
                answer = cluster.api("/cron/update", node=(index + version) % 3 + 1, id=job,
                                     command=f"echo version {version}")
                replies.append((called, now_ms()))
                assert answer["command"] == f"echo version {version}"
                assert answer["cron_set"] == EACH_SECOND
            let_pass(1.5)
            cluster.api(f"/cron/stop/{job}")
            rows = [row for row in cluster.wait_final([job]) if row.state != "revoked"]
            assert {row.state for row in rows} == {"success"}, rows
            for row in rows:
                version = int(row.output.split()[1])
                newest_confirmed = sum(row.started_at > reply for _, reply in replies)
                newest_begun = sum(row.started_at >= called for called, _ in replies)
                assert newest_confirmed <= version <= newest_begun, (row, replies)
            assert len({row.output for row in rows}) >= 5
            assert_each_fire_once(rows, [job], due_seconds(rows[0].scheduled_at, rows[-1].scheduled_at))
        except BaseException as failure:
            failures.append(failure)

    in_parallel(update, 8)
    assert not failures, failures


def test_a_deleted_job_never_starts_again(cluster):
    failures = []

    def delete(index):
        try:
            job = cluster.add("true", node=index % 3 + 1)
            wait_until(lambda: starts(cluster, job), 15, f"job {job} fires")
            let_pass(0.11 * index)
            assert cluster.api(f"/cron/delete/{job}", node=index % 3 + 1)["id"] == job
            deleted = now_ms() + 1
            for k in cluster.nodes:
                assert cluster.call("GET", f"/cron/{job}", node=k).status == 404
            let_pass(3)
            late = [start for start in starts(cluster, job) if start > deleted]
            assert not late, f"job {job}, deleted at {deleted}, started at {late}"
            rows = cluster.wait_final([job])
            assert {row.state for row in rows} <= {"success", "revoked"}, rows
        except BaseException as failure:
            failures.append(failure)

    in_parallel(delete, 9)
    assert not failures, failures


def test_rows_changed_by_hand_in_the_database_are_picked_up_within_five_seconds(cluster):
    def by_hand(statement):
        cluster.sql(statement)
        return now_ms()

    # The columns of the reference, in its order of the first table, and no others.
    inserted = by_hand("INSERT INTO cron (cron_set, start_time, end_time, command, stop, remark)"
                       f" VALUES ('{EACH_SECOND}', 0, 0, 'echo before', 0, 'by hand')")
    [row] = cluster.sql("SELECT id FROM cron WHERE remark = 'by hand'")
    job = int(row["id"])
    wait_until(lambda: starts(cluster, job), 15, "the inserted job fires")
    assert min(starts(cluster, job)) <= inserted + 5000

    def outputs_since(moment):
        return {row.output for row in cluster.ledger([job]) if row.state == "success" and row.started_at > moment}

    updated = by_hand(f"UPDATE cron SET command = 'echo after' WHERE id = {job}")
    wait_until(lambda: outputs_since(updated + 5000), 30, "a run five seconds later")
    assert outputs_since(updated + 5000) == {"after\n"}

    stopped = by_hand(f"UPDATE cron SET stop = 1 WHERE id = {job}")
    let_pass(6)
    assert max(starts(cluster, job)) <= stopped + 5000
    started = by_hand(f"UPDATE cron SET stop = 0 WHERE id = {job}")
    wait_until(lambda: max(starts(cluster, job)) > started, 15, "the job fires again")
    assert min(start for start in starts(cluster, job) if start > stopped + 5000) <= started + 5000

    deleted = by_hand(f"DELETE FROM cron WHERE id = {job}")
    let_pass(6)
    assert max(starts(cluster, job)) <= deleted + 5000
    rows = cluster.wait_final([job])
    assert {row.state for row in rows} <= {"success", "revoked"}, rows


def in_parallel(function, count):
    threads = [threading.Thread(target=function, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
