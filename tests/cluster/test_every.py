"""Jobs that run at every node: once at each, also when nodes die and the dispatcher changes."""
import collections
import datetime

import pytest

from harness import PartWitness, next_second, wait_until


def rows_of(cluster, job):
    rows = cluster.sql("SELECT scheduled_at, part, parts, attempt, state, reason, run_server, for_node FROM log"
                       f" WHERE cron_id = {job} ORDER BY scheduled_at, attempt, part")
    return [{name: int(value) if name in ("scheduled_at", "part", "parts", "attempt") else value
             for name, value in row.items()} for row in rows]


def wait_rows(cluster, job, wanted, what, seconds=60):
    """The rows of the job, once `wanted` says so of them."""
    found = []

    def are_there():
        found[:] = rows_of(cluster, job)
        return wanted(found)

    wait_until(are_there, seconds, lambda: f"{what}, but {found[-12:]}")
    return found


def fires_of(rows):
    fires = collections.defaultdict(list)
    for row in rows:
        fires[row["scheduled_at"]].append(row)
    return fires


def have_succeeded_everywhere(count, nodes):
    """Tells whether at least `count` fires have succeeded, each at this number of nodes."""
    def check(rows):
        whole = [fire for fire in fires_of(rows).values()
                 if len(fire) == nodes and all(row["state"] == "success" for row in fire)]
        return len(whole) >= count
    return check


def add_at(cluster, command, second, **more):
    """Adds a job that fires at this Unix second, and has no next fire."""
    moment = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return cluster.api("/cron/add", at=moment, command=command, spread="every", **more)["id"]


def test_each_fire_runs_once_at_each_node(cluster):
    names = sorted(cluster.name(k) for k in cluster.nodes)
    witness = PartWitness(cluster)
    job = cluster.add(witness.command, spread="every")
    wait_rows(cluster, job, have_succeeded_everywhere(3, 3), "three fires at three nodes")
    cluster.stop_jobs([job])
    cluster.wait_final([job])
    ran = collections.Counter()
    for at, fire in fires_of(rows_of(cluster, job)).items():
        assert [(row["part"], row["parts"], row["for_node"]) for row in fire] == [
            (part, 3, name) for part, name in enumerate(names)], fire
        for row in fire:
            if row["state"] == "revoked":
                continue
            assert (row["state"], row["run_server"]) == ("success", row["for_node"]), row
            ran[(row["part"], 3, 1, row["run_server"])] += 1
    assert witness.runs() == ran
    [shown] = [row for row in cluster.api("/cron/list") if row["id"] == job]
    assert (shown["spread"], shown["last_state"]) == ("every", "success")
    report = cluster.api("/audit")
    assert report["totals"]["clean"], report
    listed = cluster.api(f"/log/list?cron_id={job}&limit=3")["list"]
    assert sorted(row["for_node"] for row in listed) == names


def test_a_run_by_hand_is_at_every_node_and_one_of_it_again_at_its_own(cluster):
    names = sorted(cluster.name(k) for k in cluster.nodes)
    job = cluster.add("true", cron_set="@yearly", spread="every", is_mutex=1)
    assert cluster.call("POST", f"/cron/run/{job}").status == 200
    wait_rows(cluster, job, have_succeeded_everywhere(1, 3), "a run at each node")
    middle = next(row for row in cluster.api(f"/log/list?cron_id={job}")["list"] if row["part"] == 1)
    assert middle["for_node"] == names[1]
    assert cluster.call("POST", f"/run/again/{middle['id']}").status == 200
    rows = wait_rows(cluster, job, lambda found: len(found) == 4 and found[3]["state"] == "success", "part 1 again")
    assert (rows[3]["part"], rows[3]["attempt"], rows[3]["run_server"]) == (1, 2, names[1])


def test_the_part_of_a_dead_node_waits_for_it_and_its_row_says_so(victim_cluster):
    cluster = victim_cluster
    victim = next(k for k in cluster.nodes if cluster.name(k) != cluster.dispatcher())
    name = cluster.name(victim)
    job = cluster.add("true", spread="every", misfire_window=3)
    wait_rows(cluster, job, have_succeeded_everywhere(2, 3), "fires at three nodes")
    cluster.run("kill-node", str(victim))

    def are_skipped(rows):
        return [row for row in rows if row["for_node"] == name and row["state"] == "skipped"]

    rows = wait_rows(cluster, job, are_skipped, f"a skipped part of {name}")
    skipped = are_skipped(rows)
    assert {row["reason"] for row in skipped} == {
        f"no-node: its node {name} could not take it within the misfire window"}
    wait_rows(cluster, job, have_succeeded_everywhere(2, 2), "fires at the two nodes that are there")
    killed_at = skipped[-1]["scheduled_at"]
    cluster.run("start-node", str(victim))
    wait_rows(cluster, job, lambda found: have_succeeded_everywhere(2, 3)(
        [row for row in found if row["scheduled_at"] > killed_at]), "fires at three nodes again")
    cluster.stop_jobs([job])
    cluster.wait_final([job])
    for row in rows_of(cluster, job):
        assert row["run_server"] in ("", row["for_node"]), row
    assert not [found for found in cluster.api("/audit")["findings"] if found["kind"] in ("missing", "doubled", "extra")]


def test_a_new_dispatcher_keeps_retries_and_parts_that_wait_at_their_nodes(victim_cluster):
    cluster = victim_cluster
    names = sorted(cluster.name(k) for k in cluster.nodes)
    witness = PartWitness(cluster)
    job = add_at(cluster, f'{witness.command}; [ "$PEERCRON_ATTEMPT" -ge 2 ]', next_second(10), retries=1, retry_delay=30)
    waiting = wait_rows(cluster, job, lambda rows: len(rows) == 6, "three retries that wait")
    assert [(row["attempt"], row["for_node"]) for row in waiting] == [
        (attempt, name) for attempt in (1, 2) for name in names]
    dispatcher = cluster.number(cluster.dispatcher())
    cluster.run("kill-node", str(dispatcher))
    wait_until(lambda: cluster.dispatcher() not in ("", cluster.name(dispatcher)), 30, "another node dispatches")
    cluster.run("start-node", str(dispatcher))
    rows = wait_rows(cluster, job, lambda rows: sum(row["state"] == "success" for row in rows) == 3, "three retries")
    assert all(row["run_server"] == row["for_node"] for row in rows), rows
    assert witness.runs() == {(part, 3, attempt, name): 1 for part, name in enumerate(names) for attempt in (1, 2)}


@pytest.mark.parametrize("field, value, problem", [
    ("locks", "db", "locks: given for a job with spread \"every\"; runs with locks are at one node; give spread as \"one\", "
                    "too"),
    ("shards", "3", "shards: given 3 without spread \"shards\""),
    ("kind", "daemon", "spread: given \"every\" for a job of kind daemon, which runs once at a time")])
def test_what_does_not_go_with_every_node_is_refused(cluster, field, value, problem):
    schedule = {} if value == "daemon" else {"cronSet": "@daily"}
    answer = cluster.call("POST", "/cron/add", {"command": "true", "spread": "every", field: value, **schedule})
    assert (answer.status, answer.json["message"]) == (400, problem), answer
