"""Jobs that run after others: once for each fire of their parents, whatever dies between the end of the one and the
start of the other."""
import datetime
import json
import os
import signal
import subprocess

import pytest

from harness import BINARY, Witness, let_pass, next_second, now_ms, wait_until


def add_once(cluster, command, second, **more):
    """A job that fires at this Unix second alone."""
    moment = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return cluster.api("/cron/add", at=moment, command=command, **more)["id"]


def add_after(cluster, command, parents, on="success", **more):
    return cluster.api("/cron/add", command=command, run_after=parents, run_after_on=on, **more)["id"]


def rows_of(cluster, job):
    return cluster.sql("SELECT scheduled_at, attempt, state, reason, requested_by, run_server, started_at, ended_at,"
                       f" output FROM log WHERE cron_id = {job} ORDER BY scheduled_at, attempt")


def wait_row(cluster, job, states, seconds=40):
    def there():
        rows = [row for row in rows_of(cluster, job) if row["state"] in states]
        return rows[-1] if rows else None

    return wait_until(there, seconds, lambda: f"job {job} {states}, but {rows_of(cluster, job)}")


def wait_output(cluster, job):
    """The output of its newest run: its end may be in the ledger before that, since another one follows from it."""
    return wait_until(lambda: next((row["output"] for row in reversed(rows_of(cluster, job))
                                    if not row["output"].startswith("[the node has not")), None), 40, lambda: rows_of(cluster, job))


def refusal(cluster, status, path="/cron/add", **form):
    answer = cluster.call("POST", path, form)
    assert answer.status == status, answer
    return answer.json["message"]


@pytest.fixture(autouse=True)
def no_jobs(request):
    name = next(name for name in ("cluster", "victim_cluster") if name in request.fixturenames)
    request.getfixturevalue(name).delete_all_jobs()


def test_children_run_after_their_parents_and_see_how_they_ended(cluster):
    second = next_second(3)
    extract = add_once(cluster, "sleep 1", second, name="extract")
    load = add_after(cluster, "env | grep ^PEERCRON_PARENT_ | sort; exit 3", "extract", name="load")
    alert = add_after(cluster, "env | grep ^PEERCRON_PARENT_ | sort", "load", "failure", name="alert")
    publish = add_after(cluster, "true", "load", name="publish")
    cleanup = add_after(cluster, "true", "extract,load", "end", name="cleanup")
    first = wait_row(cluster, load, {"failed"})
    assert first["scheduled_at"] == str(second * 1000), "the scheduled time is its parent's"
    parent = wait_row(cluster, extract, {"success"})
    assert 0 <= int(first["started_at"]) - int(parent["ended_at"]) < 3000
    at = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert wait_output(cluster, load) == ("PEERCRON_PARENT_EXIT_CODE=0\nPEERCRON_PARENT_JOB=extract\n"
                                          f"PEERCRON_PARENT_RUN=job {extract} at {at}\nPEERCRON_PARENT_STATE=success\n")
    told = wait_row(cluster, alert, {"success"})
    assert "PEERCRON_PARENT_JOB=load" in told["output"] and "PEERCRON_PARENT_EXIT_CODE=3" in told["output"], told
    assert wait_row(cluster, publish, {"skipped"})["reason"] == "parent: load failed, exit code 3"
    assert wait_row(cluster, cleanup, {"success"})["requested_by"].startswith("after load ")
    let_pass(1)
    assert [len(rows_of(cluster, job)) for job in (load, alert, publish, cleanup)] == [1, 1, 1, 1]
    report = cluster.api("/audit")
    assert report["totals"]["clean"], report
    why = cluster.api(f"/cron/{load}/why?at={at}")
    assert "extract" in json.dumps(why), why
    assert cluster.api(f"/cron/{load}")["schedule_in_words"] == "after the success of extract"


def test_a_run_by_hand_takes_its_chain_with_it(cluster):
    add_once(cluster, "true", next_second(3600), name="extract")
    load = add_after(cluster, "true", "extract", name="load")
    alone = subprocess.run([str(BINARY), "job", "run-now", "extract", "--no-chain", "--wait", "--url", cluster.url],
                           capture_output=True, text=True)
    assert alone.returncode == 0, alone
    let_pass(1)
    assert rows_of(cluster, load) == []
    extract = cluster.api("/cron/list?name=extract")["list"][0]["id"]
    run = cluster.api(f"/cron/run/{extract}", chain=1)
    row = wait_row(cluster, load, {"success"})
    assert int(row["scheduled_at"]) == run["scheduled_at"], "it gets the moment of the run by hand"


def test_what_makes_no_chain_is_refused(cluster):
    cluster.add("true", "0 0 3 * * *", name="extract")
    cluster.add("true", "0 0 4 * * *", name="other")
    load = add_after(cluster, "true", "extract", name="load")
    cluster.api("/cron/add", kind="daemon", command="sleep 1000", name="worker", stop=1)
    job = {"command": "true", "name": "bad"}
    assert "there is no job of that name" in refusal(cluster, 400, **job, run_after="extrakt")
    assert "is a daemon" in refusal(cluster, 400, **job, run_after="worker")
    assert "no circles" in refusal(cluster, 400, **job, run_after="bad")
    assert "fire at the same times" in refusal(cluster, 400, **job, run_after="extract,other")
    assert "cronSet" in refusal(cluster, 400, **job, run_after="extract", cronSet="* * * * * *")
    extract = cluster.api("/cron/list?name=extract")["list"][0]["id"]
    assert "no circles" in refusal(cluster, 400, "/cron/update", id=extract, run_after="load", cronSet="")
    assert '"load" runs after "extract"' in refusal(cluster, 409, f"/cron/delete/{extract}")
    assert '"load" runs after "extract"' in refusal(cluster, 409, "/cron/update", id=extract, name="pull")
    assert "cronSet: missing" in refusal(cluster, 400, "/cron/update", id=load, run_after="")
    parent = "load"
    for depth in range(2, 33):
        add_after(cluster, "true", parent, name=f"step{depth}")
        parent = f"step{depth}"
    assert "32" in refusal(cluster, 400, **job, run_after=parent)
    assert cluster.call("POST", f"/cron/bulk/delete", {"ids": f"{extract},{load}"}).status == 409, "step2 is left"


def test_a_file_may_name_children_before_their_parents(cluster, tmp_path):
    file = tmp_path / "jobs.toml"
    file.write_text('[job.alpha]\ncommand = "true"\nrun_after = ["omega"]\nrun_after_on = "end"\n\n'
                    '[job.beta]\ncommand = "true"\nrun_after = ["alpha"]\n\n'
                    '[job.omega]\ncommand = "true"\ncron_set = "0 0 3 * * *"\n')

    def peercron(*arguments):
        return subprocess.run([str(BINARY), *arguments, "--url", cluster.url], capture_output=True, text=True)

    applied = peercron("apply", str(file))
    assert applied.returncode == 0, applied
    exported = tmp_path / "export.toml"
    exported.write_text(peercron("export").stdout)
    assert "1 unchanged" not in peercron("apply", str(exported), "--dry-run").stdout
    assert "3 unchanged" in peercron("apply", str(exported), "--dry-run").stdout
    exported.write_text('[job.other]\ncommand = "true"\ncron_set = "0 0 3 * * *"\n')
    pruned = peercron("apply", str(exported), "--prune")
    assert pruned.returncode == 0, pruned


def a_long_parent(cluster, witness, **more):
    """Extract, which runs until a file is there, and load, which runs after it."""
    gate = cluster.witness_file()
    extract = add_once(cluster, f"while [ ! -e {gate} ]; do sleep 0.1; done", next_second(2), name="extract")
    load = add_after(cluster, witness.command, "extract", name="load", **more)
    running = wait_row(cluster, extract, {"running"})
    return gate, extract, load, cluster.number(running["run_server"])


def assert_ran_once(cluster, witness, load):
    wait_row(cluster, load, {"success"}, 60)
    let_pass(3)
    assert len(witness.runs()) == 1, witness.runs()
    assert [row["state"] for row in rows_of(cluster, load)] == ["success"], rows_of(cluster, load)


def test_a_parent_that_ends_while_nobody_dispatches_is_followed_once(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    gate, extract, load, runner = a_long_parent(cluster, witness)
    dispatcher = cluster.number(cluster.dispatcher())
    if runner == dispatcher:
        pytest.skip("it runs on the dispatcher's node")
    cluster.run("kill-node", str(dispatcher))
    gate.touch()
    wait_row(cluster, extract, {"success"})
    assert_ran_once(cluster, witness, load)


def test_a_dispatcher_that_dies_with_the_end_of_a_parent_leaves_one_run_of_the_child(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    gate, extract, load, _ = a_long_parent(cluster, witness, delivery="at_least_once")
    dispatcher = cluster.number(cluster.dispatcher())
    gate.touch()
    cluster.run("kill-node", str(dispatcher))
    wait_row(cluster, load, {"success", "skipped"}, 60)
    let_pass(3)
    fires = {row["scheduled_at"] for row in rows_of(cluster, load)}
    assert len(fires) == 1, rows_of(cluster, load)
    assert len(set(witness.runs())) <= 1, witness.runs()


def test_a_node_that_dies_with_the_parent_is_a_failure_of_it(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    gate, extract, load, runner = a_long_parent(cluster, witness, on="failure")
    cluster.run("kill-node", str(runner))
    wait_row(cluster, extract, {"lost"})
    assert_ran_once(cluster, witness, load)


def test_it_goes_on_after_the_death_of_all(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    _, extract, load, _ = a_long_parent(cluster, witness, on="end")

    def nodes():
        return [entry for name, entry in cluster.status()["processes"].items() if name.startswith("node")]

    # At once: one that is there for a moment longer plans the child, which then is lost with it.
    for pid in [node["node_pid"] for node in nodes()]:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(node["state"] == "stopped" for node in nodes()), 30, "all are dead")
    for k in cluster.nodes:
        cluster.run("start-node", str(k))
    cluster.wait_ready()
    wait_row(cluster, extract, {"lost"})
    assert_ran_once(cluster, witness, load)


def requires(cluster, command, second, names, wait, **more):
    return add_once(cluster, command, second, requires=names, requires_wait=wait, **more)


def test_a_job_runs_only_if_what_it_requires_has_succeeded(cluster):
    second = next_second(12)
    good = add_once(cluster, "true", second - 2, name="good")
    bad = add_once(cluster, "exit 3", second - 2, name="bad")
    happy = requires(cluster, "true", second, "good", 0, name="happy")
    sad = requires(cluster, "true", second, "good,bad", 0, name="sad")
    ran = wait_row(cluster, happy, {"success"})
    assert ran["reason"] == "" and int(ran["started_at"]) - second * 1000 < 3000, ran
    assert wait_row(cluster, good, {"success"}) and wait_row(cluster, bad, {"failed"})
    skipped = wait_row(cluster, sad, {"skipped"})
    assert skipped["reason"].startswith("requires: bad failed at ") and skipped["reason"].endswith(", exit code 3"), skipped
    why = cluster.api(f"/cron/{sad}/why")
    assert why["verdict"] == "skipped" and "bad failed at" in why["answer"], why
    run = cluster.api(f"/cron/run/{sad}", chain=1)
    assert wait_row(cluster, sad, {"success"})["scheduled_at"] == str(run["scheduled_at"]), "people are not asked"
    let_pass(1)
    report = cluster.api("/audit")
    assert report["totals"]["clean"], report


def test_a_fire_that_waits_for_what_it_requires_survives_the_dispatcher(victim_cluster):
    cluster = victim_cluster
    witness = Witness(cluster)
    gate = cluster.witness_file()
    second = next_second(8)
    extract = add_once(cluster, f"while [ ! -e {gate} ]; do sleep 0.1; done", second - 1, name="extract")
    digest = requires(cluster, witness.command, second, "extract", 120, name="digest")
    runner = cluster.number(wait_row(cluster, extract, {"running"})["run_server"])
    dispatcher = cluster.number(cluster.dispatcher())
    let_pass(3)
    row = wait_row(cluster, digest, {"planned"})
    assert (row["reason"], row["run_server"]) == ("requires: waits for extract", ""), row
    assert "waits for extract" in cluster.api(f"/cron/{digest}/why")["answer"]
    if runner == dispatcher:
        pytest.skip("what it requires runs on the dispatcher's node")
    cluster.run("kill-node", str(dispatcher))
    cluster.dispatcher()
    gate.touch()
    done = wait_row(cluster, digest, {"success"}, 60)
    assert int(done["started_at"]) >= int(wait_row(cluster, extract, {"success"})["ended_at"])
    assert_ran_once(cluster, witness, digest)


ALSO_SOLO = True
