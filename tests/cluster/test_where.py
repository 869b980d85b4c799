"""Jobs run where they may: on nodes whose labels fit, also when those die or are started again with others; sticky ones
at the same node; the highest priority first, and no more than there are slots for."""
import socket
import subprocess

import pytest

from harness import BINARY, Witness, let_pass, now_ms, running_solo, wait_until

HOST_LABEL = f"host={socket.gethostname()}"
LABELS = {1: ["db"], 2: ["db", "spare"], 3: ["web", "zone=eu"]}


def give_labels(cluster, labels):
    """Starts nodes again with these labels."""
    for k, words in labels.items():
        file = cluster.config_file(k)
        kept = file.read_text().split("\n[node]\n")[0]
        file.write_text(f"{kept}\n[node]\nlabels = {words}\n".replace("'", '"'))
        cluster.run("stop-node", str(k))
        cluster.run("start-node", str(k))
    cluster.wait_ready()


@pytest.fixture(scope="module")
def labelled(own_cluster):
    give_labels(own_cluster, LABELS)
    return own_cluster


@pytest.fixture
def where(labelled):
    """Nodes with labels and without jobs, to be harmed; healed for the next test."""
    yield labelled
    labelled.make_whole()
    labelled.delete_all_jobs()


def places(cluster, job):
    """The nodes at which runs of the job were, or are."""
    return {row.run_server for row in cluster.ledger([job]) if row.run_server}


def wait_runs(cluster, job, count, since=0):
    """That many runs of the job have succeeded that were due after `since`."""
    def have_run():
        rows = [row for row in cluster.ledger([job]) if row.state == "success" and row.scheduled_at > since]
        return len(rows) >= count

    wait_until(have_run, 60, lambda: f"{count} runs of {job}, but {cluster.ledger([job])}")


def test_labels_are_shown_and_jobs_run_only_where_they_fit(where):
    shown = {node["name"]: set(node["labels"]) for node in where.node_list()["nodes"]}
    for k, words in LABELS.items():
        assert shown[where.name(k)] == {*words, HOST_LABEL, "address=127.0.0.1", f"address={where.name(k)}"}
    text = subprocess.run([str(BINARY), "node", "list", "--url", where.url], capture_output=True, text=True).stdout
    assert f"{HOST_LABEL},web,zone=eu" in text, text

    first, second, third = (where.name(k) for k in where.nodes)
    wanted = {where.add("true", run_on="db,!spare"): {first},
              where.add("true", run_on=f"zone=eu,{HOST_LABEL}"): {third},
              where.add("true", run_on=f"address={second}", is_mutex=1): {second},
              where.add("true", run_on="!web", spread="sticky", retries=1): {first, second}}
    by_hand = where.add("true", cron_set="@yearly", run_on="spare")
    assert where.call("POST", f"/cron/run/{by_hand}").status == 200
    for job, nodes in wanted.items():
        wait_runs(where, job, 3)
        assert places(where, job) <= nodes, where.ledger([job])
    wait_runs(where, by_hand, 1)
    assert places(where, by_hand) == {second}


def test_what_fits_only_a_node_that_is_dead_waits_for_it_and_runs_nowhere_else(where):
    witness = Witness(where)
    job = where.add(witness.command, run_on="db,!spare", retries=2, delivery="at_least_once")
    wait_runs(where, job, 2)
    where.run("kill-node", "1")
    let_pass(4)
    where.run("start-node", "1")
    wait_runs(where, job, 3, since=now_ms())
    where.stop_jobs([job])
    rows = where.wait_final([job])
    assert places(where, job) == {where.name(1)}, rows
    assert not [row for row in rows if row.state == "skipped"], rows


def test_what_no_node_fits_is_skipped_and_saving_it_warns(where):
    added = where.api("/cron/add", cronSet="* * * * * *", command="true", run_on="db,web", misfire_window=2)
    assert added["warnings"] == ["no node fits run_on db, web now; fires that find none in time are skipped (no-node)"]
    done = subprocess.run([str(BINARY), "job", "update", str(added["id"]), "--weight", "100000", "--run-on", "db",
                           "--url", where.url], capture_output=True, text=True)
    assert done.returncode == 0
    assert f"warning: job {added['id']}: weight is 100000, and no node that it may run on has more than" in done.stderr
    assert where.api("/cron/update", id=added["id"], run_on="db,web", weight=1)["warnings"]
    job = added["id"]

    def skipped():
        return [row for row in where.ledger([job]) if row.state == "skipped" and "no node fitted" in row.reason]

    wait_until(skipped, 30, lambda: f"skipped rows, but {where.ledger([job])}")
    assert skipped()[0].reason == "no-node: no node fitted run_on db, web within the misfire window"
    assert "warnings" not in where.api("/cron/update", id=job, run_on="db")
    wait_runs(where, job, 2)


def test_a_sticky_job_comes_back_to_its_node(where):
    jobs = [where.add("true", spread="sticky") for _ in range(6)]
    for job in jobs:
        wait_runs(where, job, 3)
    homes = {job: places(where, job) for job in jobs}
    assert all(len(nodes) == 1 for nodes in homes.values()), homes
    home = next(iter(homes[jobs[0]]))
    k = where.number(home)
    where.run("stop-node", str(k))
    away = now_ms()
    for job in jobs:
        wait_runs(where, job, 2, since=away + 1000)
    where.run("start-node", str(k))
    where.wait_ready()
    back = now_ms() + 3000
    for job in jobs:
        wait_runs(where, job, 2, since=back)
        rows = where.ledger([job])
        meanwhile = {row.run_server for row in rows if away + 1000 < row.scheduled_at < away + 2500}
        assert meanwhile and home not in meanwhile, rows
        assert {row.run_server for row in rows if row.scheduled_at > back} == homes[job], rows
        assert homes[job] == {home} or meanwhile == homes[job], "only the jobs of the node that was away have moved"


def test_a_node_with_other_labels_after_a_restart_runs_other_jobs(where):
    """The last one with these nodes."""
    job = where.add("true", run_on="db,!spare")
    wait_runs(where, job, 2)
    give_labels(where, {1: ["spare"], 3: ["db"]})
    moved = now_ms()
    wait_runs(where, job, 3, since=moved)
    assert {row.run_server for row in where.ledger([job]) if row.scheduled_at > moved} == {where.name(3)}


def test_alone_the_highest_priority_goes_first_and_weight_takes_slots():
    with running_solo(("--set", "exec.slots=2", "--set", "node.labels=db,zone=eu")) as solo:
        assert set(solo.node_list()["nodes"][0]["labels"]) >= {"db", "zone=eu", HOST_LABEL}
        witness = Witness(solo)
        heavy = solo.add("sleep 4", cron_set="@yearly", weight=2, run_on="db")
        low, high = (solo.add(witness.command, cron_set="@yearly", priority=p) for p in (1, 8))
        assert solo.call("POST", f"/cron/run/{heavy}").status == 200
        wait_until(lambda: [row for row in solo.ledger([heavy]) if row.state == "running"], 20, "it runs")
        for job in (low, heavy, high):
            assert solo.call("POST", f"/cron/run/{job}").status == 200
        rows = solo.wait_final([low, heavy, high], 60)
        begun = {row.cron_id: row.started_at for row in rows}
        ends = sorted(row.ended_at for row in rows if row.cron_id == heavy)
        starts = sorted(row.started_at for row in rows if row.cron_id == heavy)
        assert [row.state for row in rows] == ["success"] * 4, rows
        assert ends[0] <= begun[high] <= starts[1], "before those that had waited for longer"
        assert begun[low] >= ends[1], "nothing passes a heavy one of a higher priority"


@pytest.mark.parametrize("field, value, allowed", [
    ("run_on", "a b", "run_on: given \"a b\"; a node's label, as db, zone=eu, host=db1 or address=10.0.0.7, or one that "
                      "it must not have, as !spare, is allowed"),
    ("spread", "all", "spread: given \"all\"; one of one, sticky, shards, every is allowed"),
    ("priority", "10", "priority: given \"10\"; a whole number from 0 to 9 is allowed"),
    ("weight", "0", "weight: given \"0\"; a whole number from 1 to 100000 is allowed")])
def test_bad_input_is_refused_by_name(cluster, field, value, allowed):
    answer = cluster.call("POST", "/cron/add", {"cronSet": "@daily", "command": "x", field: value})
    assert (answer.status, answer.json["message"]) == (400, allowed)


def test_a_request_has_no_weight(cluster):
    answer = cluster.call("POST", "/cron/add", {"cronSet": "@daily", "http_url": "http://127.0.0.1/", "weight": 2})
    assert answer.status == 400 and answer.json["message"].startswith("weight: given for a job of kind http"), answer
